/**
 * How nodes take part in int8, by the roles in the default table of kernels (targets/kernels.ts). If a target
 * lacks some of them, those operators stay in float.
 */
import { isOp, type Node } from "../ir/index.js";
import { operatorsOf } from "../targets/index.js";

const MOVERS = operatorsOf("mover");
const REQUANTIZERS = operatorsOf("requantizer");
const CLAMPS = operatorsOf("clamp");

type Int8Role = "mover" | "requantizer";

/** The node's role in an int8 island, or undefined if it has no int8 kernel. */
export function int8Role(node: Node | undefined): Int8Role | undefined {
  // MaxPool's second output, the indices, has no int8 kernel.
  if (isOp(node, ...MOVERS)) return isOp(node, "MaxPool") && node.outputs[1] ? undefined : "mover";
  return isOp(node, ...REQUANTIZERS) ? "requantizer" : undefined;
}

/** The inputs that hold values rather than shapes, axes or bounds. */
export function valueInputs(node: Node): string[] {
  return int8Role(node) === "mover" ? node.inputs.slice(0, 1) : node.inputs.filter((name) => name !== "");
}

export function isClamp(node: Node | undefined): node is Node {
  return isOp(node, ...CLAMPS);
}

/** First operator set whose DequantizeLinear supports per-channel scales. */
export const PER_CHANNEL_OPSET = 13;
/** First operator set with DynamicQuantizeLinear. */
export const DYNAMIC_OPSET = 11;
