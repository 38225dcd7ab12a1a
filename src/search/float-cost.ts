/**
 * The cost of float operators, in multiply-adds of a 3×3 convolution: the unit of a target's cost table.
 *
 * Measured in onnxruntime 1.32, AVX-512, one thread, at 0.0175 ns a multiply-add: convolutions of every kind
 * (3×3 of 16 to 256 channels, 1×1, depthwise 3×3 and 5×5) take their multiply-adds and 0.43 ns per output
 * value; products of a matrix with one row 0.056 ns per weight, with 16 rows and more nothing beyond the
 * multiply-adds; LSTM 0.049 ns a multiply-add; Relu 0.10, Add 0.15, HardSwish 0.29, Softmax 0.50,
 * LayerNormalization 0.61, Transpose 0.70 ns a value. Their ratios differ far less between processors than
 * their absolute speed.
 */
import { isOp, type Node } from "../ir/index.js";
import { nodeMacs } from "../ops/macs.js";
import { staticCount, type TypeMap } from "../ops/shapes.js";

/** Per operator, however small: 0.22 µs. */
export const CALL = 12_000;
/** Per output value of a convolution. */
const CONVOLVED_VALUE = 24;
/** Per weight that a product reads, for each time that it is read. */
const READ_WEIGHT = 2;
/** Per output value of other operators; those that compute a function, or reorder, take more. */
const VALUE = 8;
const COSTLY_VALUE = 30;
const COSTLY: readonly string[] = [
  "Softmax",
  "LogSoftmax",
  "LayerNormalization",
  "InstanceNormalization",
  "GroupNormalization",
  "RMSNormalization",
  "Erf",
  "Gelu",
  "Exp",
  "Log",
  "Pow",
  "Tanh",
  "Sigmoid",
  "Softplus",
  "Mish",
  "Elu",
  "Transpose",
  "Resize",
  "Upsample",
  "Gather",
  "DepthToSpace",
  "SpaceToDepth",
];
/** Operators that pass values on unchanged. */
const FREE: readonly string[] = [
  "Reshape",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Identity",
  "Shape",
  "Constant",
  "Cast",
  "Dropout",
];

/** The cost of one call; unknown sizes count as zero. */
export function floatTime(node: Node, types: TypeMap): number {
  return CALL + workTime(node, types);
}

function workTime(node: Node, types: TypeMap): number {
  const macs =
    nodeMacs(
      node,
      node.inputs.map((name) => types.get(name)),
      node.outputs.map((name) => types.get(name)),
    ) ?? 0;
  const made = valuesOf(node.outputs[0], types);
  if (isOp(node, "Conv", "ConvTranspose")) return macs + CONVOLVED_VALUE * made;
  // Each step of a recurrence reads all of its weights.
  if (isOp(node, "LSTM", "GRU", "RNN")) return macs * (1 + READ_WEIGHT);
  if (macs > 0) return macs + READ_WEIGHT * valuesOf(node.inputs[1], types);
  if (isOp(node, ...FREE)) return 0;
  // Pooling reads more values than it writes.
  return (isOp(node, ...COSTLY) ? COSTLY_VALUE : VALUE) * Math.max(made, valuesOf(node.inputs[0], types));
}

/** Elements of a tensor; 0 if its sizes are not known. */
export function valuesOf(name: string | undefined, types: TypeMap): number {
  return name === undefined || name === "" ? 0 : (staticCount(types.get(name)?.shape) ?? 0);
}
