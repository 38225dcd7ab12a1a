/** The reasons why a layer with an int8 kernel must stay in float: the form of its weight, bias and factors. */
import {
  DataType,
  dataTypeName,
  type GraphEditor,
  intAttribute,
  isOp,
  type Node,
} from "../../../ir/index.js";
import { hasPlainBias } from "../../../layers/bias.js";
import { whyFactorsStay } from "../../../layers/gemm-factors.js";
import { kernelWeight, weightParts, whyComputed } from "../../../layers/kernel-weight.js";

/** Why a convolution cannot be quantized, if so. */
export function whyFloatConvolution(editor: GraphEditor, node: Node): string | undefined {
  const weight = kernelWeight(editor, node);
  if (!weight) return whyComputed(editor, node);
  if (weight.view.dataType !== DataType.FLOAT)
    return `its weight is ${dataTypeName(weight.view.dataType)}, not float`;
  if (weight.view.dims.length < 3 || !weightParts(node, weight))
    return "its kernel positions are not contiguous in the constant that holds them";
  return hasPlainBias(editor, node, weight.view.dims[0]!) ? undefined : "its bias is computed";
}

/**
 * Why a fully connected layer cannot be quantized, if so.
 * @param rank of the right factor, if known
 */
export function whyFloatMatrix(
  editor: GraphEditor,
  node: Node,
  rank: number | undefined,
): string | undefined {
  const weight = kernelWeight(editor, node);
  if (!weight) return whyComputed(editor, node);
  const { view, isLeft } = weight;
  if (view.dataType !== DataType.FLOAT) return `its weight is ${dataTypeName(view.dataType)}, not float`;
  if (view.dims.length < 2 || view.dims.includes(0)) return "its weight is not a matrix";
  if (!weightParts(node, weight))
    return "the matrices of its weight are not contiguous in the constant that holds them";
  if (isLeft && rank === undefined)
    return "its weight is the left factor, and the rank of the right one is not known";
  if (isLeft && rank! < 2) return "its weight is the left factor, and the right one is a vector";
  return whyFactorsStay(node);
}

/** Whether a Gemm transposes its computed factor. */
export function takesTransposed(node: Node): boolean {
  return isOp(node, "Gemm") && intAttribute(node, "transA", 0) !== 0;
}
