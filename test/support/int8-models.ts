/** Tiny models for quantize-int8, and statistics of their tensors made by hand. */
import {
  attribute,
  DataType,
  floatTensor,
  makeNode,
  type Model,
  type Node,
  tensorValue,
  type Tensor,
} from "../../src/ir/index.js";
import { Statistics } from "../../src/numeric/statistics.js";
import { quantizeInt8, type QuantizeInt8Options } from "../../src/passes/quantize/quantize-int8.js";
import { bareModel } from "./bare-model.js";

export function model(
  nodes: Node[],
  initializers: Tensor[],
  opset = 13,
  shape: readonly (number | string)[] = [1, 4, 8, 8],
): Model {
  const graph = {
    nodes,
    initializers,
    inputs: [tensorValue("x", DataType.FLOAT, shape)],
    outputs: [tensorValue("y", DataType.FLOAT)],
  };
  return bareModel(graph, { opset });
}

/** Seeded values in [-1, 1). */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from(
    { length: count },
    () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1,
  );
}

/** Gaussian-free histograms that span [min, max] evenly for every tensor asked for. */
export function ranges(m: Model, min: number, max: number): Statistics {
  const statistics = new Statistics();
  for (const request of quantizeInt8().statistics(m))
    statistics.set(request, { min, max, counts: new Float64Array(2048).fill(1), count: 2048 });
  return statistics;
}

export const convolution = (input: string, output: string, weight: string, bias?: string): Node =>
  makeNode(
    "Conv",
    bias ? [input, weight, bias] : [input, weight],
    [output],
    [attribute.ints("pads", [1, 1, 1, 1])],
    `conv_${output}`,
  );

export const twoConvolutions = (): Model =>
  model(
    [
      convolution("x", "a", "w1", "b1"),
      makeNode("Relu", ["a"], ["r"]),
      convolution("r", "c", "w2"),
      makeNode("Sigmoid", ["c"], ["y"]),
    ],
    [
      floatTensor("w1", [16, 4, 3, 3], noise(576)),
      floatTensor("b1", [16], noise(16, 2)),
      floatTensor("w2", [16, 16, 3, 3], noise(2304, 3)),
    ],
  );

export const run = async (m: Model, statistics?: Statistics, options: Partial<QuantizeInt8Options> = {}) =>
  quantizeInt8(options).run(m, { statistics, evaluator: undefined, seed: 0 });
