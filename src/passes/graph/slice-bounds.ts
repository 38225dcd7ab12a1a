/** Reads, composes and writes Slices with constant bounds. */
import {
  attribute,
  elementCount,
  getAttribute,
  type GraphEditor,
  int64Tensor,
  intsAttribute,
  type Dimension,
  type Node,
  setAttribute,
  toNumbers,
} from "../../ir/index.js";
import { normalAxis } from "../../ops/weights.js";

/** The bounds of a Slice along one axis. */
export interface AxisSlice {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Ends of at least this value mean "to the end": exporters write the largest int32 or int64. */
const OPEN_END = 2 ** 31 - 1;
const MAX_AXES = 64;

/** First operator set whose Gather accepts negative indices and axes. */
export const NEGATIVE_GATHER_OPSET = 11;

/** The axes that a Squeeze removes or an Unsqueeze inserts, as written; undefined unless they are constant. */
export function squeezedAxes(node: Node, editor: GraphEditor): number[] | undefined {
  return intsAttribute(node, "axes") ?? constantList(node.inputs[1], editor);
}

/** The node's bounds, as written; undefined unless all are constant. */
export function readSlice(node: Node, editor: GraphEditor): AxisSlice[] | undefined {
  const listed = (name: string, index: number): number[] | undefined =>
    intsAttribute(node, name) ?? constantList(node.inputs[index], editor);
  const isOpen = (index: number, list: readonly number[] | undefined): boolean =>
    (node.inputs[index] ?? "") !== "" && !list;
  const [starts, ends, axes, steps] = [
    listed("starts", 1),
    listed("ends", 2),
    listed("axes", 3),
    constantList(node.inputs[4], editor),
  ];
  if (!starts || ends?.length !== starts.length || isOpen(3, axes) || isOpen(4, steps)) return undefined;
  const slices = starts.map((start, k) => ({
    axis: axes?.[k] ?? k,
    start,
    end: ends[k] ?? 0,
    step: steps?.[k] ?? 1,
  }));
  // For a negative step, the meaning of an open end depends on the runtime and on the exact integer.
  return slices.some(({ step, end }) => step < 0 && end >= OPEN_END) ? undefined : slices;
}

export function constantList(name: string | undefined, editor: GraphEditor): number[] | undefined {
  const tensor = editor.constant(name ?? "");
  return tensor && elementCount(tensor) <= MAX_AXES ? toNumbers(tensor) : undefined;
}

/**
 * The composition of `inner`, then `outer`, as one slice; undefined if it depends on unknown sizes.
 * @param shape the shape of the input of `inner`, as far as it is known
 */
export function composeSlices(
  inner: readonly AxisSlice[],
  outer: readonly AxisSlice[],
  shape: readonly Dimension[] | undefined,
): AxisSlice[] | undefined {
  const [first, second] = [inner, outer].map((slices) =>
    slices.map((slice) => ({ ...slice, axis: shape ? normalAxis(slice.axis, shape.length) : slice.axis })),
  );
  const all = [...(first ?? []), ...(second ?? [])];
  // Axes counted from different ends can only be compared if the rank is known.
  if (all.some(({ axis }) => axis < 0) && all.some(({ axis }) => axis >= 0)) return undefined;
  const composed = new Map((first ?? []).map((slice) => [slice.axis, slice]));
  for (const slice of second ?? []) {
    const before = composed.get(slice.axis);
    const both = before ? composeAxis(before, slice, shape?.[slice.axis]) : slice;
    if (!both) return undefined;
    composed.set(slice.axis, both);
  }
  return [...composed.values()];
}

function composeAxis(inner: AxisSlice, outer: AxisSlice, size: Dimension): AxisSlice | undefined {
  if (inner.step !== 1 || outer.step !== 1) return undefined;
  if (typeof size === "number") {
    const [from, to] = within(inner, size);
    const [start, end] = within(outer, to - from);
    return { ...inner, start: from + start, end: from + end };
  }
  if (inner.start < 0 || outer.start < 0) return undefined;
  const end = composedEnd(inner, outer);
  return end === undefined ? undefined : { ...inner, start: inner.start + outer.start, end };
}

/** The first index and one past the last, by numpy's rule. */
function within({ start, end }: AxisSlice, size: number): [number, number] {
  const at = (bound: number): number => Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
  return [at(start), Math.max(at(start), at(end))];
}

/** For an unknown size, both ends must count from the same side of the axis. */
function composedEnd(inner: AxisSlice, outer: AxisSlice): number | undefined {
  const isOpen = outer.end >= OPEN_END;
  if (isOpen) return inner.end;
  if (inner.end >= OPEN_END) return outer.end < 0 ? outer.end : inner.start + outer.end;
  if (inner.end < 0) return outer.end < 0 ? inner.end + outer.end : undefined;
  return outer.end < 0 ? undefined : Math.min(inner.end, inner.start + outer.end);
}

/** The index that a slice of one element takes, or undefined for any other. */
export function singleIndex(
  slices: readonly AxisSlice[],
): { readonly axis: number; readonly index: number } | undefined {
  const [only, ...others] = slices;
  if (!only || others.length > 0 || only.step !== 1) return undefined;
  const isOne = only.start === -1 ? only.end >= OPEN_END : only.end === only.start + 1;
  return isOne ? { axis: only.axis, index: only.start } : undefined;
}

/** Gives the node new bounds, as attributes if it had attributes (before operator set 10). */
export function writeSlice(node: Node, slices: readonly AxisSlice[], editor: GraphEditor): void {
  const lists = {
    starts: slices.map(({ start }) => clamped(start)),
    ends: slices.map(({ end }) => clamped(end)),
    axes: slices.map(({ axis }) => axis),
  };
  if (getAttribute(node, "starts")) {
    for (const [name, values] of Object.entries(lists)) setAttribute(node, attribute.ints(name, values));
    return;
  }
  const steps = slices.map(({ step }) => step);
  const inputs = Object.entries({ ...lists, ...(steps.some((step) => step !== 1) ? { steps } : {}) });
  for (const [k, [name, values]] of inputs.entries())
    editor.setInput(
      node,
      k + 1,
      editor.addInitializer(int64Tensor(editor.uniqueName(`${node.outputs[0] ?? ""}_${name}`), values)),
    );
  if (inputs.length === 3 && node.inputs.length > 4) editor.setInput(node, 4, "");
  while (node.inputs.at(-1) === "") node.inputs.pop();
}

/** A JavaScript number cannot hold the largest int64 exactly. */
function clamped(bound: number): number {
  return Math.min(Math.max(bound, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}
