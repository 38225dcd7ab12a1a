/**
 * Finds what the outputs of a model decide. Probabilities hide errors where they are close to 0 and 1, so they are
 * compared as the scores in front of the Softmax or Sigmoid that made them.
 */
import { isOp, isStandard, type Model, type Node } from "../ir/index.js";

/** What made an output, apart from operators that only move values. */
export type Maker = "softmax" | "log-softmax" | "sigmoid" | "scores" | "values";

/** Operators whose results have the values of their first input, at most in another order or type. */
const MOVERS = ["Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout"];

const MAKERS: Readonly<Record<string, Maker>> = {
  Softmax: "softmax",
  LogSoftmax: "log-softmax",
  Sigmoid: "sigmoid",
  // A network for classes may end in its last layer, without a Softmax.
  Gemm: "scores",
  MatMul: "scores",
  Add: "scores",
  Conv: "scores",
  GlobalAveragePool: "scores",
  ReduceMean: "scores",
};

/** By output. One whose maker is not in the main graph is missing: it may be anything. */
export function makersOfOutputs({ graph }: Model): ReadonlyMap<string, Maker> {
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) for (const name of node.outputs) producers.set(name, node);
  return new Map(
    graph.outputs.flatMap(({ name }) => {
      const maker = makerOf(name, producers);
      return maker === undefined ? [] : [[name, maker] as const];
    }),
  );
}

function makerOf(output: string, producers: ReadonlyMap<string, Node>): Maker | undefined {
  let node = producers.get(output);
  while (node && MOVERS.some((type) => isOp(node!, type))) node = producers.get(node.inputs[0] ?? "");
  if (!node) return undefined;
  const found = Object.keys(MAKERS).find((type) => isOp(node, type));
  if (found !== undefined) return MAKERS[found];
  // Bodies and functions may hold anything.
  return isStandard(node) && !BODIES.includes(node.opType) ? "values" : undefined;
}

const BODIES: readonly string[] = ["If", "Loop", "Scan"];
