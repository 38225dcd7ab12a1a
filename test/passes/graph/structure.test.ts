import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  makeNode,
  type Model,
  tensorValue,
  type Tensor,
} from "../../../src/ir/index.js";
import type { PassFactory } from "../../../src/passes/contract.js";
import { inlineIf } from "../../../src/passes/graph/inline-if.js";
import { mergeChains } from "../../../src/passes/graph/merge-chains.js";
import { mergeEqualNodes } from "../../../src/passes/graph/merge-equal-nodes.js";
import { simplifyShapes } from "../../../src/passes/graph/simplify-shapes.js";
import { difference, floats, run } from "../../support/running.js";
import { apply, branch, tiny, X } from "../../support/tiny-models.js";

const { int, ints } = attribute;
const TRUE: Tensor = { name: "true", dims: [], dataType: DataType.BOOL, raw: Uint8Array.of(1) };

/** Applies the pass, compares with onnxruntime before it, and returns the model. */
async function unchanged(
  pass: PassFactory<Record<string, never>>,
  make: () => Model,
  feed = X,
): Promise<Model> {
  const model = make();
  await apply(pass(), model);
  expect(difference(await run(make(), feed), await run(model, feed))).toBe(0);
  return model;
}

it("turns a target computed from a symbolic batch into a constant", async () => {
  const model = tiny(
    [
      makeNode("Shape", ["x"], ["s"]),
      makeNode("Gather", ["s", "zero"], ["n"], [int("axis", 0)]),
      makeNode("Concat", ["n", "rest"], ["t"], [int("axis", 0)]),
      makeNode("Reshape", ["x", "t"], ["y"]),
    ],
    { initializers: [int64Tensor("zero", [0]), int64Tensor("rest", [3, 1])] },
  );
  model.graph.inputs = [tensorValue("x", DataType.FLOAT, ["batch", 3])];
  expect((await apply(simplifyShapes(), model)).stats.targetsFolded).toBe(1);
});

it("multiplies permutations", async () => {
  const model = tiny([
    makeNode("Transpose", ["x"], ["t"], [ints("perm", [1, 0])]),
    makeNode("Transpose", ["t"], ["y"], [ints("perm", [1, 0])]),
  ]);
  await apply(mergeChains(), model);
  expect(model.graph.nodes[1]).toMatchObject({ inputs: ["x"], attributes: [{ ints: [0n, 1n] }] });
});

it("computes equal nodes once", async () => {
  const model = tiny([
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Relu", ["x"], ["b"]),
    makeNode("Add", ["a", "b"], ["y"]),
  ]);
  await apply(mergeEqualNodes(), model);
  expect(model.graph.nodes.at(-1)?.inputs).toEqual(["a", "a"]);
});

it("knows the size of a Resize as onnxruntime rounds it", async () => {
  const feed = { x: floats([1, 1, 3, 3]) };
  const scales = floatTensor("s", [4], Float32Array.of(1, 1, 5 / 3, 5 / 3));
  const nodes = () => [
    makeNode("Resize", ["x", "", "s"], ["r"]),
    makeNode("Shape", ["r"], ["k"]),
    makeNode("Identity", ["k"], ["y"]),
  ];
  const model = await unchanged(simplifyShapes, () => tiny(nodes(), { feed, initializers: [scales] }), feed);
  expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(["Resize", "Identity"]);
});

it("takes the input of a body for no value of the same name around it", async () => {
  await unchanged(simplifyShapes, () => {
    const body = {
      ...emptyGraph("body"),
      inputs: [
        tensorValue("i", DataType.INT64, []),
        tensorValue("c", DataType.BOOL, []),
        tensorValue("s", DataType.INT64, [2]),
      ],
      nodes: [
        makeNode("Identity", ["c"], ["go"]),
        makeNode("Identity", ["s"], ["t"]),
        makeNode("Reshape", ["x", "s"], ["r"]),
      ],
      outputs: [
        tensorValue("go", DataType.BOOL, []),
        tensorValue("t", DataType.INT64, [2]),
        tensorValue("r", DataType.FLOAT, [3, 2]),
      ],
    };
    const loop = makeNode("Loop", ["trips", "true", "start"], ["y", "z"], [attribute.graph("body", body)]);
    return tiny([makeNode("Shape", ["x"], ["s"]), loop], {
      outputs: ["s", "y", "z"],
      initializers: [int64Tensor("trips", [1], []), TRUE, int64Tensor("start", [3, 2])],
    });
  });
});

it("leaves no constant without a use, which IR version 3 does not allow", async () => {
  const feed = { x: floats([2, 3]), z: floats([3, 2]) };
  const model = await unchanged(
    simplifyShapes,
    () => ({
      ...tiny([makeNode("Shape", ["z"], ["s"]), makeNode("Reshape", ["x", "s"], ["y"])], { feed, opset: 8 }),
      irVersion: 3n,
    }),
    feed,
  );
  expect(model.graph.initializers).toHaveLength(1);
});

it("gives an inlined node a name of its own", async () => {
  const branches = [
    branch("then_branch", [makeNode("Neg", ["a"], ["b"], [], "n")]),
    branch("else_branch", [makeNode("Abs", ["a"], ["b"], [], "other")]),
  ];
  const nodes = () =>
    structuredClone([makeNode("Relu", ["x"], ["a"], [], "n"), makeNode("If", ["true"], ["y"], branches)]);
  const model = await unchanged(inlineIf, () => tiny(nodes(), { initializers: [TRUE] }));
  expect(model.graph.nodes.map(({ name }) => name)).toEqual(["n", "n_inlined", undefined]);
});

it("takes no Concat apart that would come to have very many operands", async () => {
  const model = tiny([
    makeNode("Concat", new Array<string>(64).fill("x"), ["a"], [int("axis", 0)]),
    makeNode("Concat", ["a", "x"], ["y"], [int("axis", 0)]),
  ]);
  expect((await apply(mergeChains(), model)).modified).toBe(false);
});
