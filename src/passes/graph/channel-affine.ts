/**
 * Per-channel affine steps after a layer, y = x · scale + shift, in the form of BatchNormalization, Mul, Add,
 * Sub and Div.
 */
import {
  DataType,
  elementCount,
  floatAttribute,
  getAttribute,
  intAttribute,
  isOp,
  toFloat32,
  type GraphEditor,
  type Node,
  type Tensor,
} from "../../ir/index.js";

/** One scale and shift for each channel, in float64. */
export interface ChannelAffine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/** The position of the channel axis of a value. */
export interface ChannelLayout {
  readonly channels: number;
  /** Rank of the value, if known; constants of higher rank are not accepted. */
  readonly rank: number | undefined;
  /** Axis of the channels, counted from the end: -1 for the products of MatMul, 1 - rank for convolutions. */
  readonly fromEnd: number;
}

/** Operators that may scale and shift channels. */
export const AFFINE_STEPS = ["BatchNormalization", "Mul", "Add", "Sub", "Div"] as const;

/** Whether `channelAffine` may apply to the node's operator. A cheap check to make first. */
export function isAffineStep(node: Node | undefined): node is Node {
  return isOp(node, ...AFFINE_STEPS);
}

/** The constant per-channel scale and shift that `node` applies to its input `value`, if it does just that. */
export function channelAffine(
  node: Node,
  value: string,
  layout: ChannelLayout,
  editor: GraphEditor,
): ChannelAffine | undefined {
  const { channels } = layout;
  if (isOp(node, "BatchNormalization"))
    return node.inputs[0] === value && liesSecond(layout) ? normalization(node, channels, editor) : undefined;
  // Before operator set 7, the `axis` attribute aligns the constant.
  if (!isAffineStep(node) || node.inputs.length !== 2 || getAttribute(node, "axis")) return undefined;
  const first = node.inputs[0] === value;
  if (!first && !isOp(node, "Mul", "Add")) return undefined;
  const operand = editor.constant(node.inputs[first ? 1 : 0] ?? "");
  const values = operand && perChannel(operand, layout);
  if (!values) return undefined;
  if (isOp(node, "Mul")) return { scale: values, shift: new Float64Array(channels) };
  if (isOp(node, "Div")) return { scale: values.map((v) => 1 / v), shift: new Float64Array(channels) };
  return {
    scale: new Float64Array(channels).fill(1),
    shift: isOp(node, "Add") ? values : values.map((v) => -v),
  };
}

/** Whether the channels are known to be axis 1, as BatchNormalization needs them. */
function liesSecond({ rank, fromEnd }: ChannelLayout): boolean {
  return rank !== undefined && fromEnd === 1 - rank;
}

/** y = (x - mean) / sqrt(variance + epsilon) · scale + bias, outside training (the operator's definition). */
function normalization(node: Node, channels: number, editor: GraphEditor): ChannelAffine | undefined {
  const isTraining = intAttribute(node, "training_mode", 0) !== 0 || intAttribute(node, "spatial", 1) === 0;
  if (isTraining || node.outputs.slice(1).some((name) => name !== "")) return undefined;
  const parameters = [1, 2, 3, 4].map((index) => {
    const tensor = editor.constant(node.inputs[index] ?? "");
    return tensor?.dataType === DataType.FLOAT && elementCount(tensor) === channels
      ? toFloat32(tensor)
      : undefined;
  });
  const [gamma, beta, mean, variance] = parameters;
  if (!gamma || !beta || !mean || !variance) return undefined;
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt((variance[c] ?? 0) + epsilon));
  return { scale, shift: Float64Array.from(beta, (b, c) => b - (mean[c] ?? 0) * (scale[c] ?? 0)) };
}

/** The constant's value for each channel, if it varies only along the channel axis and does not raise the rank. */
function perChannel(tensor: Tensor, { channels, rank, fromEnd }: ChannelLayout): Float64Array | undefined {
  const { dims } = tensor;
  // A value has at least the axes from the channel axis to the end.
  if (tensor.dataType !== DataType.FLOAT || dims.length > (rank ?? -fromEnd)) return undefined;
  const onlyChannels = dims.every(
    (dim, axis) => dim === 1 || (axis - dims.length === fromEnd && dim === channels),
  );
  if (!onlyChannels) return undefined;
  const values = toFloat32(tensor);
  return Float64Array.from({ length: channels }, (_, c) => values[values.length === 1 ? 0 : c] ?? 0);
}
