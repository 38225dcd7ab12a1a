/** The parts from which the chains of all forms are built. */
import { attribute, DataType } from "../../ir/index.js";
import type { Attribute, Tensor } from "../../ir/index.js";
import type { Draft } from "./decoder-builder.js";
import { DENSE_FROM, patternBytes } from "./value-histogram.js";
import type { Symbols } from "./value-histogram.js";

/** A table of more entries than this needs wider codes than the values it would replace. */
export const MAX_TABLE = 1024;

/** A tensor with everything that the choice of its form needs. */
export interface Candidate {
  readonly tensor: Tensor;
  readonly symbols: Symbols;
  readonly opset: number;
}

/**
 * ConstantOfShape of a shape given as int64: the pattern that sparse forms leave out. Its own default is
 * float32 zero.
 */
export function emitBackground(
  draft: Draft,
  shape: readonly number[],
  { tensor, symbols }: Candidate,
): string {
  const isDefault = tensor.dataType === DataType.FLOAT && symbols.background === 0;
  return draft.op(
    "ConstantOfShape",
    [draft.int64(shape)],
    isDefault ? [] : [backgroundAttribute(tensor, symbols)],
  );
}

function backgroundAttribute(tensor: Tensor, { background, bytesPerElement }: Symbols): Attribute {
  return attribute.tensor("value", {
    dims: [1],
    dataType: tensor.dataType,
    raw: patternBytes([[background]], 1, bytesPerElement),
  });
}

export function runningSum(draft: Draft, values: string): string {
  return draft.op("CumSum", [values, draft.int32([0])]);
}

/** Values scattered into the background → the tensor's shape. */
export function emitScatter(draft: Draft, positions: string, updates: string, candidate: Candidate): void {
  const { tensor, symbols } = candidate;
  const flat = draft.op("ScatterElements", [
    emitBackground(draft, [symbols.count], candidate),
    positions,
    updates,
  ]);
  draft.op("Reshape", [flat, draft.int64(tensor.dims)]);
}

/** The table of values that indices refer to, in the tensor's own type. */
export function emitTable(
  draft: Draft,
  tensor: Tensor,
  symbols: Symbols,
  patterns: readonly number[],
): string {
  return draft.constant(tensor.dataType, [patterns.length], () =>
    patternBytes([patterns], patterns.length, symbols.bytesPerElement),
  );
}

/** The index of each pattern in `table`, piece by piece. */
export function* indicesOf(
  stream: Iterable<ArrayLike<number>>,
  table: readonly number[],
): Generator<Uint16Array, void> {
  const place = new Map(table.map((pattern, index) => [pattern, index]));
  let indices = new Uint16Array(0);
  for (const patterns of stream) {
    if (indices.length < patterns.length) indices = new Uint16Array(patterns.length);
    for (let i = 0; i < patterns.length; i++) indices[i] = place.get(patterns[i]!) ?? 0;
    yield indices.subarray(0, patterns.length);
  }
}

/** Whether something stands out against the background, and does not fill most of the tensor. */
export function isSparse({ symbols: { foreground, count } }: Candidate): boolean {
  return foreground > 0 && foreground <= DENSE_FROM * count;
}
