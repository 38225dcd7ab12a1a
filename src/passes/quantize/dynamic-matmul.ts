/**
 * Dynamic quantization of a fully connected layer: the input's range is taken at run time. Exactly the chain that
 * onnxruntime fuses into DynamicQuantizeMatMul (its bias included).
 *
 *   DynamicQuantizeLinear → MatMulInteger → Cast → Mul(input scale × weight scales) → Add(bias)
 */
import { attribute, DataType, floatTensor, type GraphEditor, integerTensor, intAttribute, isOp, makeNode, type Node } from "../../ir/index.js";
import { quantizeWeight, storedScales, type WeightOptions } from "./weight-codes.js";

/** Replaces a MatMul, or a Gemm that is a product plus bias, whose weight is a constant [K, N] matrix. */
export function quantizeDynamically(editor: GraphEditor, node: Node, options: WeightOptions): void {
  const weight = editor.constant(node.inputs[1]!)!;
  const transposed = isOp(node, "Gemm") && intAttribute(node, "transB", 0) === 1;
  const { codes, scales } = quantizeWeight(node, weight, options);
  const dims = transposed ? [weight.dims[1]!, weight.dims[0]!] : weight.dims;
  const stem = editor.uniqueName("m");
  const name = (suffix: string): string => editor.uniqueName(`${stem}${suffix}`);
  const code = editor.addInitializer(integerTensor(name("w"), dims, DataType.INT8, transposed ? transpose(codes, weight.dims as [number, number]) : codes));
  const stored = storedScales(scales, options);
  const weightScale = editor.addInitializer(floatTensor(name("ws"), stored.dims, stored.values));
  const { codesName, scaleName, zeroName } = dynamicInput(editor, node, stem);
  const [sum, real, scale] = [name("i"), name("f"), name("k")] as const;
  const bias = isOp(node, "Gemm") ? node.inputs[2] : undefined;
  const output = node.outputs[0]!;
  const product = bias ? name("p") : output;
  editor.replaceNode(
    node,
    makeNode("MatMulInteger", [codesName, code, zeroName], [sum], [], node.name),
    makeNode("Cast", [sum], [real], [attribute.int("to", DataType.FLOAT)]),
    makeNode("Mul", [scaleName, weightScale], [scale]),
    makeNode("Mul", [real, scale], [product]),
    ...(bias ? [makeNode("Add", [product, bias], [output])] : []),
  );
}

/** Layers with the same input share one DynamicQuantizeLinear. */
function dynamicInput(editor: GraphEditor, node: Node, stem: string): { codesName: string; scaleName: string; zeroName: string } {
  const input = node.inputs[0]!;
  const existing = editor.consumers(input).find((user) => isOp(user, "DynamicQuantizeLinear") && editor.isBefore(user, node));
  if (existing) return { codesName: existing.outputs[0]!, scaleName: existing.outputs[1]!, zeroName: existing.outputs[2]! };
  const [codesName, scaleName, zeroName] = ["x", "xs", "xz"].map((suffix) => editor.uniqueName(`${stem}${suffix}`)) as [string, string, string];
  editor.insertBefore(node, makeNode("DynamicQuantizeLinear", [input], [codesName, scaleName, zeroName]));
  return { codesName, scaleName, zeroName };
}

/** [rows, columns] → [columns, rows]. */
export function transpose(values: Int8Array, [rows, columns]: readonly [number, number]): Int8Array {
  const result = new Int8Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c]!;
  return result;
}
