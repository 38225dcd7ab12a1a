import { expect, it } from "vitest";
import { attribute, DataType, floatTensor, int64Tensor, makeNode, type Node } from "../../../src/ir/index.js";
import { removeIdentities } from "../../../src/passes/graph/remove-identities.js";
import { Random } from "../../fuzz/random.js";
import { difference, floats, run } from "./running.js";
import { apply, branch, FLAG, shown, tiny, X } from "./tiny-models.js";

const relu = (from: string, to: string) => makeNode("Relu", [from], [to]);
const identity = (from: string, to: string) => makeNode("Identity", [from], [to]);

it("lets the users of an Identity read its input", async () => {
  const model = tiny([identity("x", "a"), relu("a", "y")]);
  expect((await apply(removeIdentities(), model)).stats).toEqual({ identitiesRemoved: 1 });
  expect(shown(model)).toEqual(["%y = Relu(%x)"]);
});

it("gives an output's name to the node before the Identity, and to its other uses", async () => {
  const model = tiny([relu("x", "a"), makeNode("Neg", ["a"], ["b"]), identity("a", "y")], { outputs: ["y", "b"] });
  await apply(removeIdentities(), model);
  expect(shown(model)).toEqual(["%y = Relu(%x)", "%b = Neg(%y)"]);
});

it("keeps an Identity from an input, a constant or another output to an output", async () => {
  const model = tiny([identity("x", "y"), identity("w", "z"), relu("x", "r"), identity("r", "s")], {
    outputs: ["y", "z", "r", "s"], initializers: [floatTensor("w", [1], Float32Array.of(1))],
  });
  expect((await apply(removeIdentities(), model)).modified).toBe(false);
});

const onnxruntimeTakes: [string, Node[]][] = [
  ["Dropout", [makeNode("Dropout", ["x"], ["a"])]],
  ["Dropout that may not train", [makeNode("Dropout", ["x", "", "no"], ["a", "mask"])]],
  ["Cast to the same type", [makeNode("Cast", ["x"], ["a"], [attribute.int("to", DataType.FLOAT)])]],
  ["Transpose that keeps the order", [makeNode("Transpose", ["x"], ["a"], [attribute.ints("perm", [0, 1])])]],
  ["Concat of one", [makeNode("Concat", ["x"], ["a"], [attribute.int("axis", 0)])]],
  ["Pad by nothing", [makeNode("Pad", ["x", "zeros"], ["a"])]],
  ["a chain of them", [makeNode("Sum", ["x"], ["p"]), makeNode("Max", ["p"], ["q"]), identity("q", "a")]],
];

it.each(onnxruntimeTakes)("removes %s", async (_, nodes) => {
  const model = tiny([...nodes, relu("a", "y")], {
    initializers: [{ name: "no", dims: [], dataType: DataType.BOOL, raw: Uint8Array.of(0) }, int64Tensor("zeros", [0, 0, 0, 0])],
  });
  const before = await run(model, X);
  await apply(removeIdentities(), model);
  expect(model.graph.nodes.map((node) => node.opType)).toEqual(["Relu"]);
  expect(difference(before, await run(model, X))).toBe(0);
});

it.each<[string, Node]>([
  ["a Cast to another type", makeNode("Cast", ["x"], ["y"], [attribute.int("to", DataType.DOUBLE)])],
  ["a Dropout whose mask is an output", makeNode("Dropout", ["x"], ["y", "mask"])],
  ["a Transpose without an order", makeNode("Transpose", ["x"], ["y"])],
])("keeps %s", async (_, node) => {
  const model = tiny([relu("x", "r"), { ...node, inputs: ["r"] }]);
  expect((await apply(removeIdentities(), model)).modified).toBe(false);
});

it("works in bodies and through them, but never lets a body hand out an outer value", async () => {
  const nodes = () => [identity("x", "a"), makeNode("If", ["c"], ["y"], [
    branch("then_branch", [identity("a", "b"), relu("b", "t")]),
    branch("else_branch", [identity("a", "e")]),
  ])];
  const model = tiny(nodes(), { feed: { ...FLAG, ...X } });
  const before = await run(tiny(nodes(), { feed: { ...FLAG, ...X } }), { ...FLAG, ...X });
  expect((await apply(removeIdentities(), model)).stats).toEqual({ identitiesRemoved: 2 });
  expect(model.graph.nodes[0]?.attributes.map((a) => a.g?.nodes.map((n) => `${n.opType}(${n.inputs.join()})`))).toEqual([["Relu(x)"], ["Identity(x)"]]);
  expect(difference(before, await run(model, { ...FLAG, ...X }))).toBe(0);
});

it("keeps every bit of what random steps with constants give, zeros of both signs too", async () => {
  let removed = 0;
  for (let seed = 1; seed <= 80; seed++) {
    const random = new Random(seed);
    const value = random.pick([1, 1, 0, -0, 2]);
    const dims = random.pick([[], [1], [3], [2, 1], [2, 3], [1, 2, 3]]);
    const count = dims.reduce((product, dim) => product * dim, 1);
    const operands = random.shuffled(["x", "c"]);
    const opType = random.pick(["Mul", "Add", "Sub", "Div"]);
    // 1 / a tells zeros of different signs apart.
    const model = () => tiny([makeNode(opType, operands, ["a"]), relu("a", "r"), makeNode("Div", ["one", "a"], ["y"])], {
      outputs: ["r", "y"],
      initializers: [floatTensor("c", dims, new Float32Array(count).fill(value)), floatTensor("one", [], Float32Array.of(1))],
    });
    const feed = { x: floats([2, 3], [0, -0, 1, -2, Infinity, NaN]) };
    const after = model();
    removed += (await apply(removeIdentities(), after)).stats.identitiesRemoved ?? 0;
    expect(difference(await run(model(), feed), await run(after, feed)), `seed ${seed}`).toBe(0);
  }
  expect(removed).toBeGreaterThan(10);
});
