/**
 * LSTM → onnxruntime's DynamicQuantizeLSTM (com.microsoft): int8 weights with a scale per gate row, activations
 * quantized at run time. Its weights have the layout [directions, input, 4·hidden], the transpose of the
 * standard operator's.
 */
import {
  DataType,
  floatTensor,
  type GraphEditor,
  integerTensor,
  isOp,
  type Node,
} from "../../../ir/index.js";
import { matrixRows, quantizeRows } from "../../../numeric/affine.js";
import { isInOrder, transposedView, viewOffsets } from "../../../ops/strided-view.js";
import { type Layer, plainLayer } from "../../../layers/layer.js";
import { finiteValues } from "../../../layers/weight-values.js";
import type { SharedCodes } from "./shared-codes.js";
import { maxWeightCode } from "../setup/weight-form.js";
import type { WeightOptions } from "./weight-codes.js";

/** Replaces the LSTM in place; the caller imports the com.microsoft operator set. */
export function quantizeLstm(
  editor: GraphEditor,
  node: Node,
  options: WeightOptions,
  shared: SharedCodes,
): void {
  const stem = editor.uniqueName("l");
  const w = codesOf(editor, plainLayer(editor, node, 1)!, `${stem}w`, options, shared);
  const r = codesOf(editor, plainLayer(editor, node, 2)!, `${stem}r`, options, shared);
  const optional = (index: number): string => node.inputs[index] ?? "";
  editor.replaceNode(node, {
    ...node,
    domain: "com.microsoft",
    opType: "DynamicQuantizeLSTM",
    inputs: [
      node.inputs[0]!,
      w.codes,
      r.codes,
      optional(3),
      optional(4),
      optional(5),
      optional(6),
      "",
      w.scales,
      w.zeros,
      r.scales,
      r.zeros,
    ],
    attributes: node.attributes.filter((a) => a.name !== "layout"),
  });
}

/**
 * [directions, 4·hidden, K] floats → codes [directions, K, 4·hidden] and scales [directions, 4·hidden], or
 * [directions] with one scale per direction.
 */
function codesOf(
  editor: GraphEditor,
  view: Layer,
  stem: string,
  options: WeightOptions,
  shared: SharedCodes,
): { codes: string; scales: string; zeros: string } {
  const {
    tensor,
    dims: [directions = 1, rows = 1, depth = 1],
  } = view;
  const offsets = isInOrder(view) ? undefined : viewOffsets(view);
  const stored = finiteValues(tensor);
  const values = offsets ? Float32Array.from(offsets, (offset) => stored[offset]!) : stored;
  const codes = new Int8Array(values.length);
  const own = options.perTensor ? 1 : rows;
  const scales = new Float32Array(directions * own);
  const maxCode = maxWeightCode(tensor, options);
  for (let d = 0; d < directions; d++) {
    const part = values.subarray(d * rows * depth, (d + 1) * rows * depth);
    const quantized = quantizeRows(part, matrixRows([rows, depth], true), { ...options, maxCode });
    quantized.codes.forEach(
      (code, k) => (codes[offsets?.[d * rows * depth + k] ?? d * rows * depth + k] = code),
    );
    scales.set(quantized.scales.subarray(0, own), d * own);
  }
  const scaleDims = options.perTensor ? [directions] : [directions, rows];
  const needed = transposedView(view, [0, 2, 1])!;
  const isCommon = ({ node }: { readonly node: Node | undefined }): boolean =>
    node !== undefined && isOp(node, "LSTM");
  return {
    codes: shared.place(editor, tensor, codes, needed, stem, isCommon),
    scales: shared.constant(editor, tensor, floatTensor(`${stem}s`, scaleDims, scales)),
    zeros: shared.constant(
      editor,
      tensor,
      integerTensor(`${stem}z`, scaleDims, DataType.INT8, new Int8Array(scales.length)),
    ),
  };
}
