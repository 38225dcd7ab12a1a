/** Per-channel factors of linear layers: collected first, and written to the weights once all are known. */
import { elementCount, floatTensor, toFloat32 } from "../../../ir/index.js";
import { ScaledMagnitudes } from "../../../numeric/equalization.js";
import type { ChannelRangeRequest, Statistics } from "../../../numeric/statistics.js";
import {
  inputIndex,
  type LinearLayer,
  outputIndex,
  withScaledInputs,
  withScaledOutputs,
} from "../../../layers/linear-layer.js";
import { writeLayer } from "../../graph/fuse/write-layer.js";
import type { Rewrite } from "../../graph/fuse/rewrite.js";

/** Larger weights could exceed float32 when multiplied by factors. */
const LARGEST_WEIGHT = 2 ** 100;

/**
 * The largest absolute weight for each pair of channels; undefined if a weight or bias is not finite, or could
 * overflow when multiplied by factors.
 */
export function layerMagnitudes(layer: LinearLayer): ScaledMagnitudes | undefined {
  const { inputs, outputs, groups, weight, bias } = layer;
  const width = inputs / groups;
  if (bias.some((b) => !(Math.abs(b) <= LARGEST_WEIGHT)) || elementCount(weight) % (outputs * width) !== 0)
    return undefined;
  const [inputOf, outputOf] = [inputIndex(layer), outputIndex(layer)];
  const largest = new Float32Array(outputs * width);
  const values = toFloat32(weight);
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (!(magnitude <= LARGEST_WEIGHT)) return undefined;
    const at = outputOf(i) * width + (inputOf(i) % width);
    if (magnitude > largest[at]!) largest[at] = magnitude;
  }
  return new ScaledMagnitudes(largest, inputs, outputs, groups);
}

/** Multiplies the factors into weight and bias. Returns whether that changed a value. */
export function writeFactors(
  layer: LinearLayer,
  { inputFactors, outputFactors }: ScaledMagnitudes,
  rewrite: Rewrite,
): boolean {
  if (inputFactors.every((f) => f === 1) && outputFactors.every((f) => f === 1)) return false;
  const inner = withScaledInputs(layer, inputFactors, new Float64Array(layer.inputs));
  const scaled = inner && {
    ...layer,
    weight: floatTensor(layer.weight.name ?? "weight", layer.weight.dims, inner.weight),
  };
  const values = scaled && withScaledOutputs(scaled, outputFactors, new Float64Array(layer.outputs));
  if (!values)
    throw new Error(`the factors of layer "${layer.node.name ?? ""}" would make its weights infinite`);
  writeLayer(layer, values, rewrite);
  return true;
}

/**
 * The largest absolute value of each channel over several tensors, relative to each tensor's largest value,
 * because each has its own scale. Undefined if none was measured or all are zero.
 */
export function largestSeen(
  requests: readonly ChannelRangeRequest[],
  channels: number,
  statistics: Statistics,
): Float64Array | undefined {
  const shares = new Float64Array(channels);
  for (const request of requests) {
    const range = statistics.get(request);
    if (range?.max.length !== channels) continue;
    const largest = range.max.map((max, c) => Math.max(max, -range.min[c]!, 0));
    const top = largest.reduce((a, b) => Math.max(a, b), 0);
    if (top > 0) largest.forEach((value, c) => (shares[c] = Math.max(shares[c]!, value / top)));
  }
  return shares.some((share) => share > 0) ? shares : undefined;
}
