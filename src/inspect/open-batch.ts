/** Sets an open batch size to one, since costs are given per sample. */
import { type Dimension, type Model, fedInputs } from "../ir/index.js";
import { option } from "../option-names.js";

/** Inputs with one axis have a length rather than a batch. */
const MIN_RANK = 2;

/**
 * Sets the first axis of the inputs to 1 where it is open, and every size with its symbol, in place. Returns
 * the symbols that were set, and the names of inputs whose size has none.
 */
export function takeOneSample(model: Model): {
  readonly symbols: readonly string[];
  readonly unnamed: readonly string[];
} {
  const symbols = new Set<string>();
  const unnamed: string[] = [];
  for (const { name, type } of fedInputs(model)) {
    const shape = type?.tensor?.shape;
    const [batch] = shape ?? [];
    if (!shape || shape.length < MIN_RANK || typeof batch === "number") continue;
    if (typeof batch === "string") symbols.add(batch);
    else unnamed.push(name);
  }
  const isOpen = (name: string, axis: number): boolean => axis === 0 && unnamed.includes(name);
  for (const value of [...model.graph.inputs, ...model.graph.outputs, ...model.graph.valueInfo]) {
    const tensor = value.type?.tensor;
    if (!tensor?.shape) continue;
    const shape = tensor.shape.map((dim: Dimension, axis) =>
      (typeof dim === "string" && symbols.has(dim)) || isOpen(value.name, axis) ? 1 : dim,
    );
    value.type = { tensor: { ...tensor, shape } };
  }
  return { symbols: [...symbols], unnamed };
}

/** Notes that say which sizes were assumed and how to change them. */
export function oneSampleNotes({ symbols, unnamed }: ReturnType<typeof takeOneSample>): string[] {
  const named = symbols.map(
    (symbol) =>
      `The size "${symbol}" is open and was assumed to be 1. Set it with ${option("dims", { [symbol]: "…" })}.`,
  );
  return [
    ...named,
    ...unnamed.map(
      (name) =>
        `The first size of input "${name}" is open and was assumed to be 1. ` +
        `Set it with ${option("shapes", { [name]: "…" })}.`,
    ),
  ];
}
