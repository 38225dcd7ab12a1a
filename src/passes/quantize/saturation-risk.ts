/** How many pairs of a layer's weights would saturate without VNNI if they took all of int8: what the guard is for. */
import { type FloatReader, type GraphEditor, isOp, type Node, type Tensor } from "../../ir/index.js";
import { matrixRows, quantizeRows, type RowOrder } from "../../numeric/affine.js";
import { pairsAtRisk } from "../../numeric/pair-saturation.js";
import { requireFinite } from "../weights/weight-values.js";
import { isDepthwise, weightRows } from "./weight-codes.js";

export interface SaturationRisk { readonly pairs: number; readonly atRisk: number }

/** By weight: constants never change in place, and a search for what to leave in float asks again and again. */
const KNOWN_RISKS = new WeakMap<Tensor, SaturationRisk>();

/** Of a Conv, MatMul, Gemm or LSTM with constant float weights, before it is quantized. Activations take all of uint8. */
export function saturationRisk(editor: GraphEditor, node: Node, reader: FloatReader): SaturationRisk {
  const inputs = isOp(node, "LSTM") ? [1, 2] : [1];
  let [pairs, atRisk] = [0, 0];
  for (const weight of inputs.map((index) => editor.constant(node.inputs[index]!)!)) {
    const risk = KNOWN_RISKS.get(weight) ?? riskOf(node, weight, reader);
    KNOWN_RISKS.set(weight, risk);
    [pairs, atRisk] = [pairs + risk.pairs, atRisk + risk.atRisk];
  }
  return { pairs, atRisk };
}

function riskOf(node: Node, weight: Tensor, reader: FloatReader): SaturationRisk {
  let [pairs, atRisk] = [0, 0];
  if (!isDepthwise(node, weight)) {
    const values = reader.read(weight);
    requireFinite(values, weight);
    for (const { order, from, to } of rowsOf(node, weight)) {
      const risk = pairsAtRisk(quantizeRows(values.subarray(from, to), order, { guardPairs: false }).codes, order);
      [pairs, atRisk] = [pairs + risk.pairs, atRisk + risk.count];
    }
  }
  return { pairs, atRisk };
}

/** Weights of an LSTM are [directions, rows, K]. */
function rowsOf(node: Node, weight: Tensor): { order: RowOrder; from: number; to: number }[] {
  if (!isOp(node, "LSTM")) return [{ order: weightRows(node, weight), from: 0, to: Infinity }];
  const [directions = 0, rows = 0, depth = 0] = weight.dims;
  return Array.from({ length: directions }, (_, d) => ({ order: matrixRows([rows, depth], true), from: d * rows * depth, to: (d + 1) * rows * depth }));
}
