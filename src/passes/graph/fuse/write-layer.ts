/** Writes new values to a linear layer; layers/linear-layer.ts reads one. */
import { floatTensor, isOp, nodeLabel, removeAttribute } from "../../../ir/index.js";
import type { LayerValues, LinearLayer } from "../../../layers/linear-layer.js";
import type { Rewrite } from "./rewrite.js";

/** Names of the constants that new values derive from, besides the layer's own weight and bias. */
interface Sources {
  /** Another layer's weight. */
  readonly weights?: readonly string[];
  /** Inputs of the folded step; a new bias derives from its constants. */
  readonly steps?: readonly string[];
}

/**
 * Gives the layer new values, in constants shared with layers that have equal ones. A bias of zeros is not
 * added to a layer without bias.
 */
export function writeLayer(
  { node, last, biasIndex, weight }: LinearLayer,
  values: LayerValues,
  rewrite: Rewrite,
  { weights = [], steps = [] }: Sources = {},
): void {
  rewrite.setConstant(node, 1, floatTensor(weight.name ?? "weight", weight.dims, values.weight), ...weights);
  if (biasIndex === undefined) return;
  const old = last.inputs[biasIndex] ?? "";
  if (old === "" && values.bias.every((value) => value === 0)) return;
  const bias = floatTensor(old === "" ? `${nodeLabel(node)}_bias` : old, [values.bias.length], values.bias);
  rewrite.setConstant(last, biasIndex, bias, ...(old === "" ? steps : []));
  if (isOp(node, "Gemm")) removeAttribute(node, "beta");
}
