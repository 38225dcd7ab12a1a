/** Which recurrent layers can be computed in int8, by onnxruntime's DynamicQuantizeLSTM. */
import {
  DataType,
  type GraphEditor,
  intAttribute,
  isOp,
  type Node,
  stringAttribute,
} from "../../../ir/index.js";
import { plainLayer } from "../../../layers/layer.js";

export function isRecurrent(node: Node): boolean {
  return isOp(node, "LSTM", "GRU", "RNN");
}

/**
 * Why the node stays float; undefined when it need not.
 * @param unsupported why the target takes no int8 LSTM, if so
 */
export function whyFloatRecurrence(
  editor: GraphEditor,
  node: Node,
  unsupported: string | undefined,
): string | undefined {
  if (!isOp(node, "LSTM")) return "has no int8 kernel";
  return unsupported ?? whyFloatLstm(editor, node);
}

function whyFloatLstm(editor: GraphEditor, node: Node): string | undefined {
  const weights = [1, 2].map((index) => plainLayer(editor, node, index));
  if (weights.some((weight) => weight?.dataType !== DataType.FLOAT || weight.dims.length !== 3))
    return "its weights are no float constants";
  if (node.inputs[7]) return "peephole weights have no int8 kernel";
  if (intAttribute(node, "layout", 0) !== 0) return "the batch-first layout has no int8 kernel";
  if (intAttribute(node, "input_forget", 0) !== 0)
    return "coupled input and forget gates have no int8 kernel";
  return stringAttribute(node, "direction", "forward") === "reverse" && node.inputs[4]
    ? "reversed sequences of own lengths stay float"
    : undefined;
}
