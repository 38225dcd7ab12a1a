/** Fusions go by what follows from inputs and operators, not by what a file declares of values in between. */
import { describe, expect, it } from "vitest";
import { attribute, DataType, makeNode, tensorValue, type Model, type Node } from "../../../../src/ir/index.js";
import { foldBatchNormalization } from "../../../../src/passes/graph/fold-batch-normalization.js";
import { foldConcatAffine } from "../../../../src/passes/graph/fuse/fold-concat-affine.js";
import { fuseGelu } from "../../../../src/passes/graph/fuse/fuse-gelu.js";
import { fuseHardSwish } from "../../../../src/passes/graph/fuse/fuse-hard-swish.js";
import { fuseLayerNorm } from "../../../../src/passes/graph/fuse/fuse-layer-norm.js";
import { fuseMatMulAdd } from "../../../../src/passes/graph/fuse/fuse-matmul-add.js";
import { difference, floats, run } from "../running.js";
import { apply, tiny, type Parts } from "../tiny-models.js";
import { operators, scalar, tensor } from "./prove.js";

const op = makeNode;

/** The model with a declaration that is wrong, and with an input of which not even the rank is declared. */
function declared(nodes: Node[], parts: Parts, wrong: Model["graph"]["valueInfo"], untyped: readonly string[] = []): Model {
  const model = tiny(structuredClone(nodes), structuredClone(parts));
  model.graph.valueInfo = wrong;
  for (const input of model.graph.inputs) if (untyped.includes(input.name)) input.type = { tensor: { elementType: DataType.FLOAT } };
  return model;
}

describe("a declaration that is wrong is not believed", () => {
  it("of a matrix that is a stack of them", async () => {
    const nodes = [op("Relu", ["x"], ["r"]), op("MatMul", ["r", "w"], ["m"]), op("Add", ["m", "b"], ["y"])];
    const parts: Parts = { feed: { x: floats([1, 2, 3]) }, initializers: [tensor("w", [3, 4]), tensor("b", [4], 2)] };
    const model = declared(nodes, parts, [tensorValue("r", DataType.FLOAT, [2, 3]), tensorValue("m", DataType.FLOAT, [2, 4])]);
    expect((await apply(fuseMatMulAdd(), model)).modified).toBe(false);
    const right = tiny(structuredClone(nodes), { ...structuredClone(parts), feed: { x: floats([2, 3]) } });
    expect((await apply(fuseMatMulAdd(), right)).modified).toBe(true);
  });

  it("of the axis that a mean runs along", async () => {
    const mean = (x: string, to: string): Node => op("ReduceMean", [x], [to], [attribute.ints("axes", [1])]);
    const nodes = [op("Relu", ["x"], ["r"]), mean("r", "m"), op("Sub", ["r", "m"], ["d"]), op("Mul", ["d", "d"], ["q"]), mean("q", "v"), op("Add", ["v", "epsilon"], ["a"]),
      op("Sqrt", ["a"], ["s"]), op("Div", ["d", "s"], ["y"])];
    const parts: Parts = { feed: { x: floats([2, 3, 4]) }, initializers: [scalar("epsilon", 1e-5)] };
    const wrong = ["r", "d", "q"].map((name) => tensorValue(name, DataType.FLOAT, [8, 3]));
    expect((await apply(fuseLayerNorm(), declared(nodes, parts, wrong))).modified).toBe(false);
  });
});

describe("constants of shape [1]", () => {
  const gelu = [op("Div", ["x", "root"], ["d"]), op("Erf", ["d"], ["e"]), op("Add", ["e", "one"], ["s"]), op("Mul", ["x", "s"], ["m"]), op("Mul", ["m", "half"], ["y"])];
  const swish = [op("Add", ["x", "three"], ["a"]), op("Clip", ["a", "zero", "six"], ["c"]), op("Mul", ["x", "c"], ["m"]), op("Div", ["m", "divisor"], ["y"])];
  const values = { root: Math.SQRT2, one: 1, half: 0.5, three: 3, zero: 0, six: 6, divisor: 6 };
  const cases: [string, typeof fuseGelu, Node[], string][] = [["Gelu", fuseGelu, gelu, "half"], ["HardSwish", fuseHardSwish, swish, "divisor"]];

  it.each(cases)("keep %s of an input of unknown rank, and scalars do not", async (name, pass, nodes, vector) => {
    const parts = (dims: number[]): Parts => ({
      feed: { x: floats([], [0.5]) },
      initializers: Object.entries(values).filter(([constant]) => nodes.some(({ inputs }) => inputs.includes(constant))).map(([constant, value]) => scalar(constant, value, constant === vector ? dims : [])),
    });
    const kept = declared(nodes, parts([1]), [], ["x"]);
    expect((await apply(pass(), kept)).modified).toBe(false);
    const before = await run(declared(nodes, parts([]), [], ["x"]), parts([]).feed!);
    const fused = declared(nodes, parts([]), [], ["x"]);
    await apply(pass(), fused);
    expect(operators(fused)).toEqual([name]);
    expect(difference(before, await run(fused, parts([]).feed!))).toBeLessThan(1e-6);
  });

  it("do not keep Gelu of an input that is known to have axes", async () => {
    const initializers = ["root", "one", "half"].map((constant) => scalar(constant, values[constant as "half"], [1]));
    const model = tiny(structuredClone(gelu), { initializers });
    await apply(fuseGelu(), model);
    expect(operators(model)).toEqual(["Gelu"]);
  });
});

describe("a product of unknown rank", () => {
  const w = tensor("w", [3, 4]);
  it("takes a factor for each channel, and none that may raise its rank", async () => {
    for (const [dims, left] of [[[4], ["MatMul"]], [[1, 4], ["MatMul", "Mul"]]] as const) {
      const nodes = [op("MatMul", ["x", "w"], ["m"]), op("Mul", ["m", "s"], ["y"])];
      const model = declared(nodes, { initializers: [w, tensor("s", [...dims], 2)], feed: { x: floats([3]) } }, [], ["x"]);
      const before = await run(model, { x: floats([3]) });
      await apply(foldBatchNormalization(), model);
      expect(operators(model)).toEqual(left);
      expect(difference(before, await run(model, { x: floats([3]) }))).toBeLessThan(1e-6);
    }
  });

  it("is joined along channels when the axis is counted from the end, or the rank of another is known", async () => {
    const feed = { x: floats([2, 3]), z: floats([2, 3]) };
    const nodes = (axis: number): Node[] => [op("MatMul", ["x", "w"], ["a"]), op("MatMul", ["z", "v"], ["b"]), op("Concat", ["a", "b"], ["c"], [attribute.int("axis", axis)]), op("Mul", ["c", "s"], ["y"])];
    const weights = [w, tensor("v", [3, 4], 3)];
    const parts: Parts = { feed };
    for (const [axis, untyped, count] of [[-1, ["x", "z"], 3], [1, ["x", "z"], 4], [1, ["x"], 3], [0, ["x"], 4]] as const) {
      const model = declared(nodes(axis), { ...parts, initializers: [...weights, tensor("s", [axis === 0 ? 4 : 8], 2)] }, [], untyped);
      const before = await run(model, feed);
      await apply(foldConcatAffine(), model);
      expect(operators(model)).toHaveLength(count);
      expect(difference(before, await run(model, feed))).toBeLessThan(1e-6);
    }
  });
});
