/** The input and output of a shape rule. */
import { DataType, elementCount, intsAttribute, toNumbers } from "../../ir/index.js";
import type { Dimension, Node, Tensor, TensorType } from "../../ir/index.js";
import { normalAxis } from "../weights.js";
import type { Sizes } from "../sizes.js";

export type Known = TensorType | undefined;
export type Shape = readonly Dimension[] | undefined;

/** Values of a short integer tensor in row-major order, some of them known. */
export type PartialValue = readonly Dimension[];

/** One call: its node, the facts about its inputs, and the constant or partly known value of input `index`. */
export interface Call {
  readonly node: Node;
  readonly inputs: readonly Known[];
  readonly constant: (index: number) => Tensor | undefined;
  readonly value: (index: number) => PartialValue | undefined;
  readonly sizes: Sizes;
}

/** Types of the outputs as far as they are known. */
export type Rule = (call: Call) => readonly Known[];

/** Longer values are not shapes or axes; they are not decoded. */
export const MAX_SHAPE_LENGTH = 64;

const INTEGERS: ReadonlySet<number> = new Set([
  DataType.INT64,
  DataType.INT32,
  DataType.BOOL,
  DataType.UINT8,
  DataType.INT8,
  DataType.INT16,
  DataType.UINT16,
  DataType.UINT32,
]);

/** The values of a short constant of integers or booleans. */
export function shortValue(tensor: Tensor | undefined): number[] | undefined {
  if (!tensor || !INTEGERS.has(tensor.dataType) || elementCount(tensor) > MAX_SHAPE_LENGTH) return undefined;
  const values = toNumbers(tensor);
  return values.every(Number.isSafeInteger) ? values : undefined;
}

export function typed(elementType: number | undefined, shape: Shape): Known {
  return elementType === undefined ? undefined : { elementType, ...(shape ? { shape: [...shape] } : {}) };
}

export function unknown(rank: number | undefined): Shape {
  return rank === undefined || rank < 0 ? undefined : new Array<Dimension>(rank).fill(undefined);
}

/** Integers from an attribute, or from the input at `index` in newer versions; may be partly known. */
export function sizesAt({ node, value }: Call, attribute: string, index: number): PartialValue | undefined {
  return intsAttribute(node, attribute) ?? value(index);
}

/**
 * Bounds of a Slice. Exporters write the largest int64 for "to the end". A JavaScript number cannot hold it
 * exactly, but any bound beyond the end means the same.
 */
export function boundsAt(call: Call, attribute: string, index: number): PartialValue | undefined {
  const known = sizesAt(call, attribute, index);
  const tensor = known ? undefined : call.constant(index);
  const isShort = tensor && INTEGERS.has(tensor.dataType) && elementCount(tensor) <= MAX_SHAPE_LENGTH;
  return isShort ? toNumbers(tensor).map(withinNumbers) : known;
}

function withinNumbers(bound: number): number {
  return Math.min(Math.max(bound, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/** The same, but all must be known numbers. */
export function numbersAt(call: Call, attribute: string, index: number): readonly number[] | undefined {
  return allNumbers(sizesAt(call, attribute, index));
}

export function allNumbers(values: PartialValue | undefined): readonly number[] | undefined {
  return values?.every((value) => typeof value === "number") ? values : undefined;
}

/** Axes of an attribute or input, counted from the front. */
export function axesAt(call: Call, index: number, rank: number): readonly number[] | undefined {
  return numbersAt(call, "axes", index)?.map((axis) => normalAxis(axis, rank));
}

/** The shape of elementwise operators by numpy's broadcasting rule. */
export function broadcast(shapes: readonly Shape[]): Shape {
  if (shapes.some((shape) => !shape)) return undefined;
  const rank = Math.max(0, ...shapes.map((shape) => shape?.length ?? 0));
  const aligned = shapes.map((shape = []) => [
    ...new Array<Dimension>(rank - shape.length).fill(1),
    ...shape,
  ]);
  return Array.from({ length: rank }, (_, k) => {
    const sizes = aligned.map((shape) => shape[k]).filter((dim) => dim !== 1);
    // A size other than 1 determines the result, whatever the others are; equal symbols stay; anything else is
    // unknown.
    return sizes.length === 0
      ? 1
      : (sizes.find((dim) => typeof dim === "number") ??
          (sizes.every((dim) => dim === sizes[0]) ? sizes[0] : undefined));
  });
}

export function rows(rule: Rule, ...operators: string[]): [string, Rule][] {
  return operators.map((operator) => [operator, rule]);
}
