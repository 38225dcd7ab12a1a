import { expect, it } from "vitest";
import { attribute, DataType, emptyGraph, floatTensor, integerTensor, makeNode, type Model, type Node, tensorValue } from "../../../src/ir/index.js";
import { pruneMagnitude } from "../../../src/passes/prune/prune-magnitude.js";
import { Random } from "../../fuzz/random.js";

const SIZE = 16;

/** Layers of one kind each, one behind the other; the last three are plain MatMuls, of which only the very first layer is "first". */
function network(front: (random: Random, name: string) => { readonly nodes: readonly Node[]; readonly initializers: Model["graph"]["initializers"] }): Model {
  const random = new Random(5);
  const head = front(random, "front");
  const weights = ["a", "b", "c"].map((name) => floatTensor(`w_${name}`, [SIZE, SIZE], random.floats(SIZE * SIZE, 1)));
  const nodes = ["a", "b", "c"].map((name, k) => makeNode("MatMul", [k === 0 ? "front" : `y_${"abc"[k - 1]!}`, `w_${name}`], [`y_${name}`], [], name));
  return {
    irVersion: 8n, opsetImports: [{ domain: "", version: 17n }, { domain: "com.microsoft", version: 1n }], functions: [], trainingInfo: [], deviceConfigurations: [],
    graph: { ...emptyGraph("g"), inputs: [tensorValue("x", DataType.FLOAT, [1, SIZE])], outputs: [tensorValue("y_c", DataType.FLOAT)], nodes: [...head.nodes, ...nodes], initializers: [...head.initializers, ...weights] },
  };
}

async function firstLayers(model: Model): Promise<string[]> {
  const { nodes } = await pruneMagnitude().run(model, { statistics: undefined, evaluator: undefined, seed: 0 });
  return nodes.filter(({ reason }) => reason.includes("first layer")).map(({ name }) => name);
}

it.each<[string, Parameters<typeof network>[0]]>([
  ["whose weights are codes", () => ({
    initializers: [integerTensor("q", [SIZE, SIZE], DataType.INT8, new Int8Array(SIZE * SIZE).fill(3))],
    nodes: [makeNode("Cast", ["q"], ["w"], [attribute.int("to", DataType.FLOAT)]), makeNode("MatMul", ["x", "w"], ["front"], [], "stored")],
  })],
  ["of another set of operators", (random) => ({
    initializers: [floatTensor("w", [SIZE, SIZE], random.floats(SIZE * SIZE, 1))], nodes: [{ ...makeNode("Mix", ["x", "w"], ["front"], [], "mix"), domain: "com.example" }],
  })],
])("a layer %s comes before those behind it", async (_, front) => {
  expect(await firstLayers(network(front))).toEqual([]);
});

it.each<[string, Parameters<typeof network>[0]]>([
  ["a function of every element", () => ({ initializers: [], nodes: [makeNode("Relu", ["x"], ["front"])] })],
  ["a scale of the input", (random) => ({ initializers: [floatTensor("s", [1, SIZE], random.floats(SIZE, 1))], nodes: [makeNode("Mul", ["x", "s"], ["front"])] })],
  ["a product of the input with itself", () => ({ initializers: [], nodes: [makeNode("Transpose", ["x"], ["t"]), makeNode("MatMul", ["t", "x"], ["front"])] })],
])("%s is no layer", async (_, front) => {
  expect(await firstLayers(network(front))).toEqual(["a"]);
});

