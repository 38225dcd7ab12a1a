/** Tiny models, and statistics of their inputs made by hand. */
import {
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  type Model,
  type Node,
  tensorValue,
  type Tensor,
  toFloat32,
} from "../../src/ir/index.js";
import { type GramRequest, type StatisticRequest, Statistics } from "../../src/numeric/statistics.js";
import type { Pass, PassResult } from "../../src/passes/contract.js";

export function model(nodes: Node[], initializers: Tensor[], output = "y"): Model {
  const graph = {
    ...emptyGraph("g"),
    nodes,
    initializers,
    inputs: [tensorValue("x", DataType.FLOAT)],
    outputs: [tensorValue(output, DataType.FLOAT)],
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

export const floats = (name: string, dims: readonly number[], values: Iterable<number>): Tensor =>
  floatTensor(name, dims, Float32Array.from(values));

/** x [n, K] · w [K, N], alone: neither protected (it holds all weights) nor followed by anything. */
export const product = (dims: readonly [number, number], values: Iterable<number>): Model =>
  model([makeNode("MatMul", ["x", "w"], ["y"], [], "product")], [floats("w", dims, values)]);

export function valuesOf(m: Model, name: string): number[] {
  const tensor = m.graph.initializers.find((other) => other.name === name);
  if (!tensor) throw new Error(`no constant ${name}`);
  return Array.from(toFloat32(tensor));
}

/** Answers each Gram request of `pass` with the moments of `rows`, which hold one value for each feature. */
export function statisticsOf(pass: Pass, m: Model, rows: readonly (readonly number[])[]): Statistics {
  const statistics = new Statistics();
  for (const request of pass.statistics(m)) if (isGram(request)) statistics.set(request, gramOf(rows));
  return statistics;
}

function isGram(request: StatisticRequest): request is GramRequest {
  return request.kind === "gram";
}

function gramOf(rows: readonly (readonly number[])[]): {
  size: number;
  matrices: Float64Array[];
  means: Float64Array[];
  rows: number;
} {
  const size = rows[0]?.length ?? 0;
  const matrix = new Float64Array(size * size);
  const mean = new Float64Array(size);
  for (const row of rows) {
    row.forEach((a, i) => {
      mean[i]! += a / rows.length;
      row.forEach((b, j) => void (matrix[i * size + j]! += (a * b) / rows.length));
    });
  }
  return { size, matrices: [matrix], means: [mean], rows: rows.length };
}

export const run = async (pass: Pass, m: Model, statistics?: Statistics): Promise<PassResult> =>
  pass.run(m, { statistics, evaluator: undefined, seed: 0 });
