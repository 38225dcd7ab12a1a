/**
 * Operators that positive per-channel factors pass through unchanged: f(x · s) = f(x) · s. They compute each
 * channel only from that channel and are positively homogeneous, like Relu and pooling but unlike Clip and
 * Sigmoid.
 */
import {
  elementCount,
  type GraphEditor,
  intAttribute,
  intsAttribute,
  isOp,
  type Node,
  toNumbers,
} from "../ir/index.js";
import { isQuantizer } from "./coding.js";
import type { TypeMap } from "../ops/shapes.js";

/** The position of a value's channels: axis 1 of at least three axes, or the last axis. */
export interface ChannelPlace {
  readonly axis: 1 | -1;
  /** Unknown for some products of MatMul. */
  readonly rank: number | undefined;
  /** Each channel is a run of adjacent elements along the last axis, as after flattening an image. */
  readonly flattened: boolean;
}

const ELEMENTWISE: readonly string[] = ["Relu", "LeakyRelu", "Identity"];
const POOLS: readonly string[] = ["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"];
/** Homogeneous if all operands are scaled by the same factors. */
const JOINS: readonly string[] = ["Add", "Sub", "Max", "Min", "Sum", "Mean"];
const REDUCTIONS: readonly string[] = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"];

export function isJoin(node: Node): boolean {
  return isOp(node, ...JOINS);
}

/** Whether the node keeps the position of channels, so that they can also be followed from output to input. */
export function keepsPlace(node: Node, editor: GraphEditor): boolean {
  return (
    isOp(node, ...ELEMENTWISE) ||
    isJoin(node) ||
    (isOp(node, "PRelu") && editor.constant(node.inputs[1] ?? "") !== undefined) ||
    (isOp(node, ...POOLS) && !node.outputs[1])
  );
}

/**
 * The position in the node's output of the channels that `value` has at `place`. Undefined if factors do not
 * pass through the node, or if the position is unknown. The caller handles the other operands of a join.
 */
export function placeBehind(
  node: Node,
  value: string,
  place: ChannelPlace,
  channels: number,
  editor: GraphEditor,
  types: TypeMap | undefined,
): ChannelPlace | undefined {
  if (!isJoin(node) && (node.inputs[0] !== value || node.inputs.slice(1).includes(value))) return undefined;
  if (keepsPlace(node, editor)) return isOp(node, ...POOLS) && place.axis !== 1 ? undefined : place;
  if (place.flattened) return undefined;
  if (isOp(node, ...REDUCTIONS))
    return placeReduced(node, place, intAttribute(node, "keepdims", 1) === 0, editor);
  if (isOp(node, "Squeeze")) return placeReduced(node, place, true, editor);
  if (isOp(node, "Flatten"))
    return place.axis === 1 && intAttribute(node, "axis", 1) === 1 ? FLAT : undefined;
  return isOp(node, "Reshape") ? placeReshaped(node, place, channels, editor, types) : undefined;
}

const FLAT: ChannelPlace = { axis: -1, rank: 2, flattened: true };

/** The position, if the axes that are removed or reduced do not include the channel axis. */
function placeReduced(
  node: Node,
  { axis, rank }: ChannelPlace,
  removed: boolean,
  editor: GraphEditor,
): ChannelPlace | undefined {
  const tensor = editor.constant(node.inputs[1] ?? "");
  const axes = intsAttribute(node, "axes") ?? (tensor && toNumbers(tensor));
  if (rank === undefined || !axes || axes.length === 0) return undefined;
  const gone = new Set(axes.map((a) => (a < 0 ? a + rank : a)));
  const own = axis === 1 ? 1 : rank - 1;
  if (gone.has(own)) return undefined;
  const left = removed ? rank - gone.size : rank;
  const at = removed ? own - [...gone].filter((a) => a < own).length : own;
  return at === left - 1
    ? { axis: -1, rank: left, flattened: false }
    : at === 1
      ? { axis: 1, rank: left, flattened: false }
      : undefined;
}

/** A Reshape to [batch, everything else], or one that keeps channels on the last axis. */
function placeReshaped(
  node: Node,
  { axis }: ChannelPlace,
  channels: number,
  editor: GraphEditor,
  types: TypeMap | undefined,
): ChannelPlace | undefined {
  const tensor = editor.constant(node.inputs[1] ?? "");
  const shape = tensor && elementCount(tensor) < 16 ? toNumbers(tensor) : undefined;
  if (!shape || intAttribute(node, "allowzero", 0) !== 0) return undefined;
  if (axis === -1)
    return shape.length > 1 && shape.at(-1) === channels
      ? { axis: -1, rank: shape.length, flattened: false }
      : undefined;
  const [batch, rest] = shape;
  if (shape.length !== 2) return undefined;
  if (batch === 0 && rest === -1) return FLAT;
  const dims = types?.get(node.inputs[0] ?? "")?.shape;
  const features = dims
    ?.slice(1)
    .reduce<number | undefined>(
      (product, dim) => (product !== undefined && typeof dim === "number" ? product * dim : undefined),
      1,
    );
  const isFlat =
    dims !== undefined && features !== undefined && (rest === features || (rest === -1 && batch === dims[0]));
  return isFlat ? FLAT : undefined;
}

/** The reason why factors do not pass through the node. */
export function whyNotThrough(node: Node, label: string): string {
  if (isOp(node, "Clip")) return `the bounds of Clip "${label}" apply to all channels alike`;
  if (isQuantizer(node)) return `"${label}" is quantized already`;
  return `${node.opType} "${label}" does not commute with per-channel factors`;
}
