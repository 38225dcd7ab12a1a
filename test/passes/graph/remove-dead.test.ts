import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  int64Tensor,
  makeNode,
  tensorValue,
  type Model,
  type Node,
  type Tensor,
} from "../../../src/ir/index.js";
import { removeDead } from "../../../src/passes/graph/remove-dead.js";
import { CONTEXT, difference, floats, run, seededFloats } from "../../support/running.js";
import { apply, branch, FLAG, shown, tiny, X } from "../../support/tiny-models.js";

const W = (name: string) => floatTensor(name, [3], Float32Array.of(1, 2, 3));

it("removes nodes that reach no output, with the constants and declarations that only they had", async () => {
  const model = tiny(
    [
      makeNode("Add", ["x", "w"], ["dead"]),
      makeNode("Neg", ["dead"], ["deader"]),
      makeNode("Relu", ["x"], ["y"]),
    ],
    { initializers: [W("w")] },
  );
  model.graph.valueInfo = [tensorValue("dead", DataType.FLOAT), tensorValue("y", DataType.FLOAT)];
  expect((await apply(removeDead(), model)).stats).toMatchObject({
    nodes: 2,
    initializers: 1,
    declarations: 1,
  });
  expect([shown(model), model.graph.valueInfo.map((value) => value.name)]).toEqual([
    ["%y = Relu(%x)"],
    ["y"],
  ]);
});

it("keeps graph inputs, used or not, and their defaults", async () => {
  const model = tiny([makeNode("Relu", ["x"], ["y"])], { feed: { ...X, ...FLAG }, initializers: [W("d")] });
  model.graph.inputs.push(tensorValue("d", DataType.FLOAT, [3]));
  expect((await apply(removeDead(), model)).modified).toBe(false);
});

it("keeps what a body takes from outside and sweeps bodies too", async () => {
  const model = tiny(
    [
      makeNode("Neg", ["x"], ["used"]),
      makeNode("Abs", ["x"], ["only_by_dead"]),
      makeNode(
        "If",
        ["c"],
        ["y"],
        [
          branch(
            "then_branch",
            [makeNode("Add", ["only_by_dead", "w"], ["dead"]), makeNode("Relu", ["used"], ["t"])],
            [],
            "t",
          ),
          branch("else_branch", [makeNode("Add", ["used", "w"], ["e"])]),
        ],
      ),
    ],
    { feed: { ...FLAG, ...X }, initializers: [W("w")] },
  );
  expect((await apply(removeDead(), model)).stats).toMatchObject({ nodes: 2, initializers: 0 });
  expect(model.graph.nodes.map((node) => node.opType)).toEqual(["Neg", "If"]);
});

describe("optional outputs that nothing reads", () => {
  const feed = { x: floats([3, 2, 4]) };
  const lstm = (outputs: string[]): Node =>
    makeNode("LSTM", ["x", "w", "r"], outputs, [attribute.int("hidden_size", 4)]);
  const weights = [
    floatTensor("w", [1, 16, 4], seededFloats(64)),
    floatTensor("r", [1, 16, 4], seededFloats(64, 2)),
  ];
  it.each<[string, Node, string[], string[], Tensor[]?]>([
    ["a mask of Dropout", makeNode("Dropout", ["x"], ["a", "mask"]), ["a"], ["a"]],
    [
      "indices of MaxPool",
      makeNode("MaxPool", ["x"], ["a", "at"], [attribute.ints("kernel_shape", [2])]),
      ["a"],
      ["a"],
    ],
    [
      "mean and deviation of LayerNormalization",
      makeNode("LayerNormalization", ["x", "s"], ["a", "mean", "inverse"]),
      ["a"],
      ["a"],
      [floatTensor("s", [4], seededFloats(4))],
    ],
    [
      "a mean before a deviation",
      makeNode("LayerNormalization", ["x", "s"], ["a", "mean", "inverse"]),
      ["a", "inverse"],
      ["a", "", "inverse"],
      [floatTensor("s", [4], seededFloats(4))],
    ],
    ["states of LSTM", lstm(["a", "h", "c"]), ["a"], ["a"], weights],
    ["the sequence before the last state", lstm(["a", "h", "c"]), ["h"], ["", "h"], weights],
    ["all but the cell", lstm(["a", "h", "c"]), ["c"], ["", "", "c"], weights],
    [
      "indices of Unique between others",
      makeNode("Unique", ["x"], ["a", "first", "inverse", "counts"]),
      ["a", "inverse"],
      ["a", "", "inverse"],
    ],
    ["an empty name at the end", lstm(["a", "h", ""]), ["h"], ["", "h"], weights],
    [
      "nothing that is needed",
      makeNode("TopK", ["x", "k"], ["a", "at"]),
      ["at"],
      ["a", "at"],
      [int64Tensor("k", [2])],
    ],
  ])("are dropped: %s", async (_, node, outputs, left, initializers = []) => {
    const make = (): Model =>
      tiny([{ ...node, outputs: [...node.outputs] }], { feed, outputs, initializers });
    const model = make();
    await apply(removeDead(), model);
    expect(model.graph.nodes[0]?.outputs).toEqual(left);
    expect(difference(await run(make(), feed), await run(model, feed))).toBe(0);
  });

  it("stay with BatchNormalization, whose values they change", async () => {
    const parameters = ["s", "b", "m", "v"].map((name, k) =>
      floatTensor(name, [2], Float32Array.of(0.5 + k, 1 + k)),
    );
    const node = makeNode(
      "BatchNormalization",
      ["x", "s", "b", "m", "v"],
      ["y", "mean", "variance", "saved", "savedVariance"],
    );
    const model = tiny([node], { feed, outputs: ["y"], opset: 9, initializers: parameters });
    expect((await apply(removeDead(), model)).modified).toBe(false);
    const alone = tiny([{ ...node, outputs: ["y"] }], { feed, opset: 9, initializers: parameters });
    expect(difference(await run(model, feed), await run(alone, feed))).toBeGreaterThan(0.1);
  });
});

it("drops functions that nothing calls, and keeps those that functions call", async () => {
  const model = tiny([{ ...makeNode("F", ["x"], ["y"]), domain: "own" }]);
  const fn = (name: string, calls: string, domain: string) => ({
    name,
    domain: "own",
    inputs: ["a"],
    outputs: ["b"],
    attributeNames: [],
    attributeDefaults: [],
    valueInfo: [],
    opsetImports: [
      { domain: "", version: 17n },
      { domain: "own", version: 1n },
    ],
    nodes: [{ ...makeNode(calls, ["a"], ["b"]), domain }],
  });
  model.opsetImports.push({ domain: "own", version: 1n });
  model.functions = [fn("F", "G", "own"), fn("G", "Relu", ""), fn("H", "Relu", "")];
  expect((await apply(removeDead(), model)).stats.functions).toBe(1);
  expect(model.functions.map((f) => f.name)).toEqual(["F", "G"]);
});

it("keeps nodes of other operator sets that have no output", async () => {
  const model = tiny([{ ...makeNode("Log", ["x"], []), domain: "own" }, makeNode("Relu", ["x"], ["y"])]);
  model.opsetImports.push({ domain: "own", version: 1n });
  expect((await apply(removeDead(), model)).modified).toBe(false);
});

it("follows calls of functions that are nested very deep", async () => {
  const model = tiny([{ ...makeNode("F0", ["x"], ["y"]), domain: "own" }]);
  model.opsetImports.push({ domain: "own", version: 1n });
  model.functions = Array.from({ length: 20_000 }, (_, k) => ({
    name: `F${k}`,
    domain: "own",
    inputs: ["a"],
    outputs: ["b"],
    attributeNames: [],
    attributeDefaults: [],
    valueInfo: [],
    opsetImports: [{ domain: "own", version: 1n }],
    nodes: [
      k < 19_999 ? { ...makeNode(`F${k + 1}`, ["a"], ["b"]), domain: "own" } : makeNode("Relu", ["a"], ["b"]),
    ],
  }));
  expect((await removeDead().run(model, CONTEXT)).stats.functions).toBe(0);
});
