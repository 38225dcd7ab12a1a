/**
 * Counts the weight pairs of a layer that would saturate without VNNI if they used the full int8 range: what
 * the guard prevents.
 */
import { type FloatReader, type GraphEditor, isOp, type Node, type Tensor } from "../../../ir/index.js";
import { quantizeRows, type RowOrder } from "../../../numeric/affine.js";
import { pairsAtRisk } from "../../../numeric/pair-saturation.js";
import { plainLayer } from "../../../layers/layer.js";
import { requireFinite } from "../../../layers/weight-values.js";
import { isDepthwise, kernelWeight, type WeightPart, weightParts } from "../../../layers/kernel-weight.js";

interface SaturationRisk {
  readonly pairs: number;
  readonly atRisk: number;
}

/**
 * Cached by weight and order of its rows. Constants never change in place, and a search for nodes to leave in
 * float queries them repeatedly.
 */
const KNOWN_RISKS = new WeakMap<Tensor, Map<string, SaturationRisk>>();

/**
 * For a Conv, MatMul, Gemm or LSTM with constant float weights, before quantization. Activations use the full
 * uint8 range.
 */
export function saturationRisk(editor: GraphEditor, node: Node, reader: FloatReader): SaturationRisk {
  let [pairs, atRisk] = [0, 0];
  for (const { tensor, parts } of weightsOf(editor, node)) {
    const known = KNOWN_RISKS.get(tensor) ?? new Map<string, SaturationRisk>();
    KNOWN_RISKS.set(tensor, known);
    const key = JSON.stringify(parts);
    const risk = known.get(key) ?? riskOf(tensor, parts, reader);
    known.set(key, risk);
    [pairs, atRisk] = [pairs + risk.pairs, atRisk + risk.atRisk];
  }
  return { pairs, atRisk };
}

interface Weight {
  readonly tensor: Tensor;
  readonly parts: readonly WeightPart[];
}

/** Weights of an LSTM are [directions, rows, K]. Depthwise weights have no pairs. */
function weightsOf(editor: GraphEditor, node: Node): Weight[] {
  if (!isOp(node, "LSTM")) {
    const weight = kernelWeight(editor, node)!;
    return [
      { tensor: weight.view.tensor, parts: isDepthwise(node, weight.view) ? [] : weightParts(node, weight)! },
    ];
  }
  return [1, 2].map((index) => {
    const {
      tensor,
      dims: [directions = 0, rows = 0, depth = 0],
      strides: [between = 0, rowStride = 1, step = 1],
    } = plainLayer(editor, node, index)!;
    const order: RowOrder = {
      channels: rows,
      channelStride: rowStride,
      outerCount: 1,
      outerStride: 0,
      innerCount: depth,
      innerStride: step,
    };
    return {
      tensor,
      parts: Array.from({ length: directions }, (_, d) => ({
        order,
        from: d * between,
        to: between === rows * depth ? (d + 1) * between : Infinity,
      })),
    };
  });
}

function riskOf(tensor: Tensor, parts: readonly WeightPart[], reader: FloatReader): SaturationRisk {
  let [pairs, atRisk] = [0, 0];
  if (parts.length > 0) {
    const values = reader.read(tensor);
    requireFinite(values, tensor);
    for (const { order, from, to } of parts) {
      const risk = pairsAtRisk(
        quantizeRows(values.subarray(from, to), order, { guardPairs: false }).codes,
        order,
      );
      [pairs, atRisk] = [pairs + risk.pairs, atRisk + risk.count];
    }
  }
  return { pairs, atRisk };
}
