/** Counts the pairs at risk in quantized layers of a form that the emulation does not rewrite. */
import { DataType, type GraphEditor, type Node, type Tensor } from "../../ir/index.js";
import { convolutionRows, matrixRows } from "../../numeric/affine.js";
import { pairsAtRisk } from "../../numeric/pair-saturation.js";
import { int8Codes, seenCodes } from "../../layers/coded-operands.js";
import type { LayerRisk } from "./layer-risk.js";

/** The input that holds the weights: [outputs, channels, …kernel], or one or more matrices [K, N]. */
const WEIGHT_INPUTS: Readonly<
  Record<string, { readonly inputs: readonly number[]; readonly isConvolution?: true }>
> = {
  QLinearConv: { inputs: [3], isConvolution: true },
  ConvInteger: { inputs: [1], isConvolution: true },
  QLinearMatMul: { inputs: [3] },
  QGemm: { inputs: [3] },
  // Only with a batch of matrices; a single matrix is rewritten.
  MatMulInteger: { inputs: [1] },
  DynamicQuantizeMatMul: { inputs: [1] },
  MatMulIntegerToFloat: { inputs: [1] },
  DynamicQuantizeLSTM: { inputs: [1, 2] },
};

/** Undefined for other operators, and for those without constant int8 weights. */
export function uncoveredRisk(editor: GraphEditor, node: Node): LayerRisk | undefined {
  const fact = Object.hasOwn(WEIGHT_INPUTS, node.opType) ? WEIGHT_INPUTS[node.opType] : undefined;
  const weights = (fact?.inputs ?? [])
    .map((index) => seenCodes(editor, node.inputs[index] ?? ""))
    .filter((tensor) => tensor?.dataType === DataType.INT8);
  if (!fact || weights.length === 0) return undefined;
  let [pairs, atRisk] = [0, 0];
  for (const tensor of weights as Tensor[]) {
    for (const risk of risksOf(tensor, fact.isConvolution === true))
      [pairs, atRisk] = [pairs + risk.pairs, atRisk + risk.count];
  }
  return { pairs, atRisk, uncovered: `${node.opType} is left as it is` };
}

function risksOf(
  tensor: Tensor,
  isConvolution: boolean,
): { readonly pairs: number; readonly count: number }[] {
  const { dims } = tensor;
  const codes = int8Codes(tensor);
  if (isConvolution) return dims[1] === 1 ? [] : [pairsAtRisk(codes, convolutionRows(dims))];
  const [rows = 0, columns = 0] = dims.slice(-2);
  const size = rows * columns;
  const matrices = size === 0 ? 0 : codes.length / size;
  return Array.from({ length: matrices }, (_, k) =>
    pairsAtRisk(codes.subarray(k * size, (k + 1) * size), matrixRows([rows, columns], false)),
  );
}
