import { expect, it } from "vitest";
import { attribute, int64Tensor, makeNode, tensorValue, DataType } from "../../../src/ir/index.js";
import { mergeChains } from "../../../src/passes/graph/merge-chains.js";
import { mergeEqualNodes } from "../../../src/passes/graph/merge-equal-nodes.js";
import { simplifyShapes } from "../../../src/passes/graph/simplify-shapes.js";
import { apply, tiny } from "./tiny-models.js";

const { int, ints } = attribute;

it("turns a target computed from a symbolic batch into a constant", async () => {
  const model = tiny([
    makeNode("Shape", ["x"], ["s"]), makeNode("Gather", ["s", "zero"], ["n"], [int("axis", 0)]), makeNode("Concat", ["n", "rest"], ["t"], [int("axis", 0)]),
    makeNode("Reshape", ["x", "t"], ["y"]),
  ], { initializers: [int64Tensor("zero", [0]), int64Tensor("rest", [3, 1])] });
  model.graph.inputs = [tensorValue("x", DataType.FLOAT, ["batch", 3])];
  expect((await apply(simplifyShapes(), model)).stats.targetsFolded).toBe(1);
});

it("multiplies permutations", async () => {
  const model = tiny([makeNode("Transpose", ["x"], ["t"], [ints("perm", [1, 0])]), makeNode("Transpose", ["t"], ["y"], [ints("perm", [1, 0])])]);
  await apply(mergeChains(), model);
  expect(model.graph.nodes[1]).toMatchObject({ inputs: ["x"], attributes: [{ ints: [0n, 1n] }] });
});

it("computes equal nodes once", async () => {
  const model = tiny([makeNode("Relu", ["x"], ["a"]), makeNode("Relu", ["x"], ["b"]), makeNode("Add", ["a", "b"], ["y"])]);
  await apply(mergeEqualNodes(), model);
  expect(model.graph.nodes.at(-1)?.inputs).toEqual(["a", "a"]);
});
