/**
 * Writes default zero points out explicitly, for models that onnxruntime's optimizer otherwise rejects. Its
 * fusion of QuantizeLinear and DequantizeLinear assumes that zero points are present: at level "extended",
 * onnxruntime 1.30 and 1.32 reject a Conv between such nodes without them, and run it with them.
 */
import {
  DataType,
  elementCount,
  GraphEditor,
  integerTensor,
  isOp,
  getAttribute,
  type Model,
  type Node,
  type Tensor,
} from "../ir/index.js";

/**
 * Gives Q/DQ nodes without a zero point the default one, in place. Returns how many; results do not change.
 */
export function stateZeroPoints(model: Model): number {
  return GraphEditor.forModel(model).reduce((count, editor) => count + inGraph(editor), 0);
}

type Codes = Int8Array | Uint8Array;

function inGraph(editor: GraphEditor): number {
  const known = new Map<string, string>();
  let count = 0;
  for (const node of editor.graph.nodes) {
    const scale = isImplied(node) ? editor.constant(node.inputs[1] ?? "") : undefined;
    const type = scale && codeType(node, editor);
    if (!type) continue;
    const key = `${type} ${scale.dims.join()}`;
    const name = known.get(key) ?? editor.addInitializer(zeros(editor.uniqueName("zp"), type, scale));
    known.set(key, name);
    editor.setInput(node, 2, name);
    count++;
  }
  return count;
}

function isImplied(node: Node): boolean {
  return (
    isOp(node, "QuantizeLinear", "DequantizeLinear") &&
    (node.inputs[2] ?? "") === "" &&
    getAttribute(node, "output_dtype") === undefined &&
    getAttribute(node, "block_size") === undefined
  );
}

/**
 * The type of the codes that the node writes or reads; undefined if unknown or not 8-bit.
 */
function codeType(node: Node, editor: GraphEditor): DataType | undefined {
  if (isOp(node, "QuantizeLinear")) return DataType.UINT8;
  const codes = node.inputs[0] ?? "";
  const constant = editor.constant(codes);
  if (constant) return isByte(constant.dataType) ? constant.dataType : undefined;
  const source = editor.producer(codes);
  if (!source || !isOp(source, "QuantizeLinear") || getAttribute(source, "output_dtype")) return undefined;
  const zeroPoint = source.inputs[2] ?? "";
  const type = zeroPoint === "" ? DataType.UINT8 : editor.constant(zeroPoint)?.dataType;
  return type !== undefined && isByte(type) ? type : undefined;
}

function isByte(type: DataType): boolean {
  return type === DataType.UINT8 || type === DataType.INT8;
}

function zeros(name: string, type: DataType, scale: Tensor): Tensor {
  const values: Codes =
    type === DataType.INT8 ? new Int8Array(elementCount(scale)) : new Uint8Array(elementCount(scale));
  return integerTensor(name, scale.dims, type, values);
}
