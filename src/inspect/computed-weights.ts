/** Computes the values of weights that are stored as codes, one at a time in the runtime. */
import { modelComputing } from "../calibration/augment.js";
import type { Model, Tensor } from "../ir/index.js";
import type { ConstantEvaluator } from "../passes/contract.js";
import type { PreparedModel } from "./prepared-model.js";

/** Computes values of the main graph of `model` that depend only on constants. */
export function constantComputer(
  { editors }: PreparedModel,
  model: Model,
  evaluator: ConstantEvaluator,
): (name: string) => Promise<Tensor | undefined> {
  const made = new Set(model.graph.nodes.flatMap((node) => node.outputs));
  return async (name) => {
    // Values inside functions have no name outside.
    if (!editors[0]?.producer(name) || !made.has(name)) return undefined;
    const part = modelComputing(model, [name]);
    return (await evaluator.evaluate({ ...part, graph: { ...part.graph, inputs: [] } })).get(name);
  };
}
