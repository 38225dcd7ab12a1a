import { expect, it } from "vitest";
import { DataType, makeNode, tensorValue, type Node, type Tensor } from "../../../../src/ir/index.js";
import { fuseMatMulAdd } from "../../../../src/passes/graph/fuse/fuse-matmul-add.js";
import { floats } from "../running.js";
import { apply, branch, FLAG, shown, tiny } from "../tiny-models.js";
import { left, tensor } from "./prove.js";

const MATRIX = { x: floats([3, 4]) };
const product = makeNode("MatMul", ["x", "w"], ["a"]);
const add = makeNode("Add", ["a", "b"], ["y"]);
const weight = tensor("w", [4, 5]);

it("MatMul → Add becomes Gemm", async () => {
  const model = tiny(structuredClone([product, add]), { feed: MATRIX, initializers: [weight, tensor("b", [5], 2)] });
  await apply(fuseMatMulAdd(), model);
  expect(shown(model).at(-1)).toBe("%y = Gemm(%x, %w, %b)");
});

it.each<[string, Node[], Tensor[]]>([
  ["of a row", [product, add], [tensor("b", [1, 5], 2)]],
  ["of one value, on the left", [product, makeNode("Add", ["b", "a"], ["y"])], [tensor("b", [], 2)]],
  ["that is computed later", [product, makeNode("Abs", ["r"], ["b"]), add], [tensor("r", [5], 2)]],
])("takes an addend %s", async (_, nodes, constants) => {
  expect(await left(fuseMatMulAdd, nodes, { feed: MATRIX, initializers: [weight, ...constants] })).toEqual([...nodes.slice(1, -1).map((n) => n.opType), "Gemm"]);
});

it.each<[string, Node[], Tensor[], typeof MATRIX]>([
  ["products of rank 3", [product, add], [tensor("b", [5])], { x: floats([2, 3, 4]) }],
  ["an addend that raises the rank", [product, add], [tensor("b", [1, 1, 5])], MATRIX],
  ["an addend that makes more rows", [product, add], [tensor("b", [3, 1])], { x: floats([1, 4]) }],
  ["an addend that makes more columns", [makeNode("MatMul", ["x", "v"], ["a"]), add], [tensor("v", [4, 1]), tensor("b", [5])], MATRIX],
])("leaves %s", async (_, nodes, constants, feed) => {
  const initializers = [weight, ...constants].filter(({ name }) => nodes.some((node) => node.inputs.includes(name!)));
  expect(await left(fuseMatMulAdd, nodes, { feed, initializers })).toEqual(["MatMul", "Add"]);
});

it("leaves a product of unknown rank", async () => {
  const model = tiny(structuredClone([product, add]), { feed: MATRIX, initializers: [weight, tensor("b", [5], 2)] });
  model.graph.inputs = [tensorValue("x", DataType.FLOAT)];
  expect((await apply(fuseMatMulAdd(), model)).modified).toBe(false);
});

it("leaves a product that a body uses, another node uses, or that is an output", async () => {
  const constants = [weight, tensor("b", [5], 2)];
  const body = [makeNode("Relu", ["a"], ["r"])];
  const condition = makeNode("If", ["c"], ["z"], [branch("then_branch", body), branch("else_branch", structuredClone(body))]);
  expect(await left(fuseMatMulAdd, [product, add, condition], { feed: { ...MATRIX, ...FLAG }, initializers: constants, outputs: ["y", "z"] })).toEqual(["MatMul", "Add", "If"]);
  expect(await left(fuseMatMulAdd, [product, add, makeNode("Relu", ["a"], ["z"])], { feed: MATRIX, initializers: constants, outputs: ["y", "z"] })).toEqual(["MatMul", "Add", "Relu"]);
  expect(await left(fuseMatMulAdd, [product, add], { feed: MATRIX, initializers: constants, outputs: ["y", "a"] })).toEqual(["MatMul", "Add"]);
});
