/**
 * What becomes an int8 kernel on onnxruntime's CPU provider when Q/DQ pairs stand around it, read from its
 * QDQ selectors and checked on 1.30. A pair around anything else is pure cost.
 */
import { isOp, type Node } from "../ir/index.js";

/**
 * Operators whose Q/DQ pair is dropped: they move codes unchanged, so input and output share their
 * parameters.
 */
const MOVERS: readonly string[] = [
  "MaxPool",
  "Reshape",
  "Transpose",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Slice",
  "Expand",
  "Tile",
];

/**
 * Operators with a kernel that takes codes of one scale and gives codes of another. Sigmoid becomes a table
 * of 256 codes: EfficientNet-B0, whose Swish is Sigmoid and Mul, takes 3.6 ms with it and 5.4 ms with
 * Sigmoid in float (1.32, VNNI).
 */
const REQUANTIZERS: readonly string[] = [
  "Add",
  "Mul",
  "Concat",
  "AveragePool",
  "GlobalAveragePool",
  "LeakyRelu",
  "Sigmoid",
];

/**
 * Activations whose effect the saturation of the Q behind them can take over, when its codes start at their
 * bound.
 */
const CLAMPS: readonly string[] = ["Relu", "Clip"];

export type Int8Role = "mover" | "requantizer";

/** How the node takes part in an int8 island, or undefined when it has no int8 kernel. */
export function int8Role(node: Node | undefined): Int8Role | undefined {
  // MaxPool's second output, the indices, has no int8 kernel.
  if (isOp(node, ...MOVERS)) return isOp(node, "MaxPool") && node.outputs[1] ? undefined : "mover";
  return isOp(node, ...REQUANTIZERS) ? "requantizer" : undefined;
}

/** The inputs that carry values rather than shapes, axes or bounds. */
export function valueInputs(node: Node): string[] {
  return int8Role(node) === "mover" ? node.inputs.slice(0, 1) : node.inputs.filter((name) => name !== "");
}

export function isClamp(node: Node | undefined): node is Node {
  return isOp(node, ...CLAMPS);
}

/** Oldest operator set whose DequantizeLinear takes a scale per channel. */
export const PER_CHANNEL_OPSET = 13;
/** Oldest operator set with DynamicQuantizeLinear. */
export const DYNAMIC_OPSET = 11;
