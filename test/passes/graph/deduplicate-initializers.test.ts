import { expect, it } from "vitest";
import {
  DataType,
  floatTensor,
  GraphEditor,
  integerTensor,
  makeNode,
  tensorValue,
  type Tensor,
} from "../../../src/ir/index.js";
import { deduplicateInitializers } from "../../../src/passes/graph/deduplicate-initializers.js";
import { difference, run, seededFloats } from "../../support/running.js";
import { apply, branch, FLAG, shown, tiny, X } from "../../support/tiny-models.js";

const row = (name: string, ...values: number[]) =>
  floatTensor(name, [values.length], Float32Array.from(values));
const large = (name: string, seed = 1) => floatTensor(name, [40, 3], seededFloats(120, seed));
const names = (tensors: readonly Tensor[]) => tensors.map((tensor) => tensor.name);

it("keeps the first of equal constants", async () => {
  const model = tiny([makeNode("Add", ["x", "a"], ["t"]), makeNode("Mul", ["t", "b"], ["y"])], {
    initializers: [row("a", 1, 2, 3), row("b", 1, 2, 3)],
  });
  expect((await apply(deduplicateInitializers(), model)).stats).toEqual({
    initializersRemoved: 1,
    bytesRemoved: 12,
  });
  expect(shown(model)).toEqual(["const %a: f32[3] = [1, 2, 3]", "%t = Add(%x, %a)", "%y = Mul(%t, %a)"]);
});

it("tells apart what differs in a sign of zero, in shape or in type", async () => {
  const initializers = [
    row("a", 0),
    row("b", -0),
    floatTensor("c", [], Float32Array.of(0)),
    integerTensor("d", [1], DataType.INT32, Int32Array.of(0)),
  ];
  const model = tiny([makeNode("Sum", ["x", "a", "b", "c"], ["y"]), makeNode("Neg", ["d"], ["z"])], {
    initializers,
    outputs: ["y", "z"],
  });
  expect((await apply(deduplicateInitializers(), model)).modified).toBe(false);
});

it("leaves outputs and defaults of inputs alone", async () => {
  const model = tiny([makeNode("Sum", ["x", "a", "b", "c"], ["y"])], {
    initializers: [row("a", 1), row("b", 1), row("c", 1)],
    outputs: ["y", "a"],
  });
  model.graph.inputs.push(tensorValue("b", DataType.FLOAT, [1]));
  expect((await apply(deduplicateInitializers(), model)).modified).toBe(false);
});

const decoder = () =>
  tiny(
    [
      makeNode(
        "If",
        ["c"],
        ["y"],
        [
          branch("then_branch", [makeNode("Add", ["x", "wt"], ["t"])], [large("wt")]),
          branch("else_branch", [makeNode("Mul", ["x", "we"], ["e"])], [large("we")]),
        ],
      ),
    ],
    { feed: { ...FLAG, x: { dataType: DataType.FLOAT, dims: [40, 3], data: seededFloats(120, 7) } } },
  );

it("moves weights that both branches hold to the graph around them", async () => {
  const model = decoder();
  const feed = { ...FLAG, x: { dataType: DataType.FLOAT, dims: [40, 3], data: seededFloats(120, 7) } };
  const before = await run(decoder(), feed);
  expect((await apply(deduplicateInitializers(), model)).stats.initializersRemoved).toBe(1);
  expect(GraphEditor.forModel(model).map((editor) => names(editor.graph.initializers))).toEqual([
    ["wt_1"],
    [],
    [],
  ]);
  expect(difference(before, await run(model, feed))).toBe(0);
});

it("lets a body read an equal constant of the graph around it, unless the body hides that name", async () => {
  const model = decoder();
  model.graph.initializers.push(large("w"));
  model.graph.nodes.push(makeNode("Add", ["x", "w"], ["z"]));
  model.graph.outputs.push({ name: "z" });
  model.graph.nodes[0]?.attributes[1]?.g?.nodes.unshift(makeNode("Neg", ["x"], ["w"]));
  const result = await deduplicateInitializers().run(model, {
    statistics: undefined,
    evaluator: undefined,
    seed: 0,
  });
  expect(result.stats.initializersRemoved).toBe(1);
  expect(GraphEditor.forModel(model).map((editor) => names(editor.graph.initializers))).toEqual([
    ["w"],
    [],
    ["we"],
  ]);
});

it("leaves small constants in their bodies", async () => {
  const model = tiny(
    [
      makeNode(
        "If",
        ["c"],
        ["y"],
        [
          branch("then_branch", [makeNode("Add", ["x", "wt"], ["t"])], [row("wt", 1)]),
          branch("else_branch", [makeNode("Mul", ["x", "we"], ["e"])], [row("we", 1)]),
        ],
      ),
    ],
    { feed: { ...FLAG, ...X } },
  );
  expect((await apply(deduplicateInitializers(), model)).modified).toBe(false);
});
