import { describe, expect, it } from "vitest";
import { attribute, DataType, floatTensor, int64Tensor, integerTensor, makeNode, tensorValue } from "../../../src/ir/index.js";
import type { ConstantEvaluator } from "../../../src/passes/contract.js";
import { foldConstants } from "../../../src/passes/graph/fold-constants.js";
import { inlineFunctions } from "../../../src/passes/graph/inline-functions.js";
import { CONTEXT, difference, EVALUATOR, floats, run, seededFloats } from "./running.js";
import { apply, branch, FLAG, shown, tiny, X } from "./tiny-models.js";

const { int, ints } = attribute;
/** Of some bytes more than the few constants of these models take. */
const SOME = { maxGrowthBytes: 256 };
const W = floatTensor("w", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));

it("stores what a chain of nodes makes of a constant, and drops chain and constant", async () => {
  const nodes = () => [makeNode("Transpose", ["w"], ["t"]), makeNode("Neg", ["t"], ["n"]), makeNode("MatMul", ["x", "n"], ["y"])];
  const model = tiny(nodes(), { initializers: [W] });
  const before = await run(tiny(nodes(), { initializers: [W] }), X);
  expect((await apply(foldConstants(), model)).stats).toEqual({ nodesFolded: 2, bytesAdded: 24, bytesRemoved: 24 });
  expect(shown(model)).toEqual(["const %n: f32[3,2] = [-1, -4, -2, -5, -3, -6]", "%y = MatMul(%x, %n)"]);
  expect(difference(before, await run(model, X))).toBe(0);
});

it("evaluates all nodes of a graph together, with several results of one node", async () => {
  let evaluations = 0;
  const evaluator: ConstantEvaluator = { evaluate: (model) => (evaluations++, EVALUATOR.evaluate(model)) };
  const model = tiny([
    makeNode("Split", ["w"], ["a", "b"], [int("axis", 0), int("num_outputs", 2)]), makeNode("Shape", ["w"], ["s"]),
    makeNode("Add", ["x", "a"], ["p"]), makeNode("Add", ["p", "b"], ["q"]), makeNode("Reshape", ["q", "s"], ["y"]),
  ], { initializers: [W], opset: 18 });
  const result = await foldConstants(SOME).run(model, { ...CONTEXT, evaluator });
  expect([result.stats.nodesFolded, evaluations]).toEqual([2, 1]);
  expect(shown(model).slice(0, 3)).toEqual(["const %a: f32[1,3] = [1, 2, 3]", "const %b: f32[1,3] = [4, 5, 6]", "const %s: i64[2] = [2, 3]"]);
});

it("folds in bodies, from constants of the graph around them", async () => {
  const model = tiny([makeNode("If", ["c"], ["y"], [
    branch("then_branch", [makeNode("Neg", ["w"], ["n"]), makeNode("Add", ["x", "n"], ["t"])]),
    branch("else_branch", [makeNode("Relu", ["x"], ["e"])]),
  ])], { initializers: [W], feed: { ...FLAG, ...X } });
  const before = await run(model, { ...FLAG, ...X });
  expect((await apply(foldConstants(SOME), model)).stats.nodesFolded).toBe(1);
  expect(difference(before, await run(model, { ...FLAG, ...X }))).toBe(0);
});

describe("leaves alone", () => {
  const never: [string, ReturnType<typeof makeNode>[]][] = [
    ["what is random", [makeNode("RandomNormalLike", ["w"], ["c"])]],
    ["Q and DQ", [makeNode("DequantizeLinear", ["q", "scale"], ["c"])]],
    ["bodies", [makeNode("If", ["yes"], ["c"], [branch("then_branch", [makeNode("Neg", ["w"], ["t"])]), branch("else_branch", [makeNode("Abs", ["w"], ["e"])])])]],
  ];
  it.each(never)("%s", async (_, nodes) => {
    const initializers = [W, integerTensor("q", [2, 3], DataType.INT8, Int8Array.of(1, 2, 3, 4, 5, 6)), floatTensor("scale", [], Float32Array.of(0.5)), integerTensor("yes", [], DataType.BOOL, Uint8Array.of(1))];
    const model = tiny([...nodes, makeNode("Add", ["x", "c"], ["y"])], { initializers });
    const before = model.graph.nodes.map((node) => node.opType);
    await apply(foldConstants(), model);
    expect(model.graph.nodes.map((node) => node.opType)).toEqual(before);
  });

  it("nodes that make outputs, dead nodes, and defaults that callers may override", async () => {
    const model = tiny([makeNode("Neg", ["w"], ["y"]), makeNode("Abs", ["w"], ["dead"]), makeNode("Neg", ["d"], ["n"]), makeNode("Add", ["x", "n"], ["z"])], {
      initializers: [W, { ...W, name: "d" }], outputs: ["y", "z"],
    });
    model.graph.inputs.push(tensorValue("d", DataType.FLOAT, [2, 3]));
    expect((await apply(foldConstants(), model)).modified).toBe(false);
  });
});

describe("a result larger than what it replaces", () => {
  const decoded = (rows: number) => tiny([
    makeNode("Cast", ["codes"], ["index"], [int("to", DataType.INT32)]), makeNode("Gather", ["book", "index"], ["w"]), makeNode("Add", ["x", "w"], ["y"]),
  ], {
    feed: { x: floats([rows, 100]) },
    initializers: [integerTensor("codes", [rows, 100], DataType.UINT8, Uint8Array.from({ length: rows * 100 }, (_, k) => k % 16)), floatTensor("book", [16], seededFloats(16))],
  });

  it("is stored up to the bound", async () => {
    expect((await apply(foldConstants({ maxGrowthBytes: 65_536 }), decoded(200))).stats).toEqual({ nodesFolded: 2, bytesAdded: 80_000, bytesRemoved: 20_064 });
  });

  it("stays a computation beyond it", async () => {
    const model = decoded(300);
    expect((await apply(foldConstants({ maxGrowthBytes: 65_536 }), model)).modified).toBe(false);
    expect(model.graph.nodes.map((node) => node.opType)).toEqual(["Cast", "Gather", "Add"]);
  });

  it("follows the option", async () => {
    expect((await apply(foldConstants(), decoded(200))).modified).toBe(false);
    expect(() => foldConstants({ maxGrowthBytes: -1 })).toThrow(/0 or more bytes/);
  });

  it("is not even computed when its size is written down", async () => {
    let evaluations = 0;
    const evaluator: ConstantEvaluator = { evaluate: (model) => (evaluations++, EVALUATOR.evaluate(model)) };
    const model = tiny([makeNode("ConstantOfShape", ["s"], ["big"]), makeNode("Add", ["x", "big"], ["y"])], { initializers: [int64Tensor("s", [2 ** 40, 3])] });
    expect((await foldConstants().run(model, { ...CONTEXT, evaluator })).modified).toBe(false);
    expect(evaluations).toBe(0);
  });

  it("is not computed when two vectors would broadcast to it", async () => {
    const vector = (name: string, dims: number[]) => floatTensor(name, dims, new Float32Array(2000));
    const model = tiny([makeNode("Add", ["row", "column"], ["table"]), makeNode("Add", ["x", "table"], ["y"])], { initializers: [vector("row", [1, 2000]), vector("column", [2000, 1])] });
    const evaluator: ConstantEvaluator = { evaluate: () => Promise.reject(new Error("evaluated")) };
    expect((await foldConstants().run(model, { ...CONTEXT, evaluator })).modified).toBe(false);
  });

  it("keeps its last node alone, when the nodes before it are small", async () => {
    const model = tiny([makeNode("Add", ["s", "s"], ["twice"]), makeNode("ConstantOfShape", ["twice"], ["big"]), makeNode("Add", ["x", "big"], ["y"])], {
      feed: { x: floats([1]) }, initializers: [int64Tensor("s", [100, 200])],
    });
    await apply(foldConstants(), model);
    expect(shown(model)).toEqual(["const %twice: i64[2] = [200, 400]", "%big = ConstantOfShape(%twice)", "%y = Add(%x, %big)"]);
  });
});

describe("counts the bytes of the file", () => {
  const slices = (...others: ReturnType<typeof makeNode>[]) => tiny([
    ...["a", "b", "c"].map((name) => makeNode("Gather", ["table", `at_${name}`], [name])),
    ...["a", "b", "c"].map((name) => makeNode("MatMul", ["x", name], [`y_${name}`])), ...others, makeNode("Sum", ["y_a", "y_b", "y_c"], ["y"]),
  ], {
    initializers: [floatTensor("table", [3, 3, 200], seededFloats(1800)), ...["a", "b", "c"].map((name, k) => int64Tensor(`at_${name}`, [k], []))],
  });

  it("of several slices of a constant together, which they free only all at once", async () => {
    const model = slices();
    const before = await run(slices(), X);
    expect((await apply(foldConstants(), model)).stats.nodesFolded).toBe(3);
    expect(model.graph.initializers.map(({ name }) => name).sort()).toEqual(["a", "b", "c"]);
    expect(difference(before, await run(model, X))).toBe(0);
  });

  it("of constants that stay, as another node reads them", async () => {
    expect((await apply(foldConstants(), slices(makeNode("Cast", ["y_a"], ["i"], [int("to", DataType.INT64)]), makeNode("Gather", ["table", "i"], ["z"])))).modified).toBe(false);
  });

  it("of a decoding function, whose call stays what it is", async () => {
    const codes = integerTensor("q", [64, 64], DataType.INT8, new Int8Array(4096));
    const model = tiny([{ ...makeNode("Decode", ["q", "s"], ["w"]), domain: "d" }, makeNode("Add", ["x", "w"], ["y"])], { feed: { x: floats([64, 64]) }, initializers: [codes, floatTensor("s", [], Float32Array.of(0.5))] });
    model.opsetImports.push({ domain: "d", version: 1n });
    model.functions.push({
      name: "Decode", domain: "d", inputs: ["a", "b"], outputs: ["c"], attributeNames: [], attributeDefaults: [], valueInfo: [], opsetImports: [{ domain: "", version: 17n }],
      nodes: [makeNode("Cast", ["a"], ["f"], [int("to", DataType.FLOAT)]), makeNode("Mul", ["f", "b"], ["c"])],
    });
    expect((await inlineFunctions().run(model, CONTEXT)).modified).toBe(false);
    expect((await apply(foldConstants(), model)).modified).toBe(false);
    expect((await apply(foldConstants({ maxGrowthBytes: 65_536 }), model)).stats).toMatchObject({ nodesFolded: 1, bytesAdded: 16_384, bytesRemoved: 4100 });
  });

  it("against one bound for the whole model, in all rounds", async () => {
    const names = Array.from({ length: 10 }, (_, k) => `c${k}`);
    const model = tiny([...names.map((name) => makeNode("ConstantOfShape", ["s"], [name])), makeNode("Sum", ["x", ...names], ["y"])], { feed: { x: floats([10, 10]) }, initializers: [int64Tensor("s", [10, 10])] });
    // Each takes 400 bytes, and about 30 go with its node.
    expect((await apply(foldConstants({ maxGrowthBytes: 1000 }), model)).stats.nodesFolded).toBe(2);
  });
});

it("folds the rest when the runtime cannot compute one node", async () => {
  const model = tiny([
    makeNode("Reshape", ["w", "wrong"], ["a"]), makeNode("Neg", ["w"], ["b"]), makeNode("Transpose", ["w"], ["t"], [ints("perm", [1, 0])]),
    makeNode("Add", ["x", "a"], ["p"]), makeNode("Add", ["p", "b"], ["q"]), makeNode("MatMul", ["q", "t"], ["y"]),
  ], { initializers: [W, int64Tensor("wrong", [7])] });
  expect((await apply(foldConstants(SOME), model)).stats.nodesFolded).toBe(2);
  expect(model.graph.nodes.map((node) => node.opType)).toEqual(["Reshape", "Add", "Add", "MatMul"]);
});

it("says that there is something to fold when there is no runtime", async () => {
  const context = { ...CONTEXT, evaluator: undefined };
  const model = tiny([makeNode("Neg", ["w"], ["n"]), makeNode("Add", ["x", "n"], ["y"])], { initializers: [W] });
  expect((await foldConstants().run(model, context)).diagnostics.map((d) => d.id)).toEqual(["fold-constants/no-runtime"]);
  expect((await foldConstants().run(tiny([makeNode("Relu", ["x"], ["y"])]), context)).diagnostics).toEqual([]);
});
