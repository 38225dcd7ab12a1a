/** The size of a batch that a model leaves open: costs are told for one sample. */
import type { Dimension, Model } from "../../ir/index.js";
import { fedInputs } from "./input-shapes.js";

/** Inputs of one axis have a length rather than a batch. */
const LEAST_RANK = 2;

/**
 * Takes the first axis of the inputs for 1 where it is open, and every size that bears its symbol, in place. Returns what
 * was taken so: symbols, and names of inputs whose size has none.
 */
export function takeOneSample(model: Model): { readonly symbols: readonly string[]; readonly unnamed: readonly string[] } {
  const symbols = new Set<string>();
  const unnamed: string[] = [];
  for (const { name, type } of fedInputs(model)) {
    const shape = type?.tensor?.shape;
    const [batch] = shape ?? [];
    if (!shape || shape.length < LEAST_RANK || typeof batch === "number") continue;
    if (typeof batch === "string") symbols.add(batch);
    else unnamed.push(name);
  }
  const isOpen = (name: string, axis: number): boolean => axis === 0 && unnamed.includes(name);
  for (const value of [...model.graph.inputs, ...model.graph.outputs, ...model.graph.valueInfo]) {
    const tensor = value.type?.tensor;
    if (!tensor?.shape) continue;
    const shape = tensor.shape.map((dim: Dimension, axis) => (typeof dim === "string" && symbols.has(dim)) || isOpen(value.name, axis) ? 1 : dim);
    value.type = { tensor: { ...tensor, shape } };
  }
  return { symbols: [...symbols], unnamed };
}

/** What was taken, in words, and how to change it; nothing where no size was open. */
export function oneSampleNotes({ symbols, unnamed }: ReturnType<typeof takeOneSample>): string[] {
  const named = symbols.map((symbol) => `The size "${symbol}" is open and was taken for 1: --dim ${symbol}=… gives another.`);
  return [...named, ...unnamed.map((name) => `The first size of input "${name}" is open and was taken for 1: --shape ${name}=… gives another.`)];
}
