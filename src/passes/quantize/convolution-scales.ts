/** The codes of an int8 convolution's weight and bias with their scales, and other scales in their place. */
import {
  attribute,
  DataType,
  elementCount,
  floatTensor,
  GraphEditor,
  integerTensor,
  isOp,
  makeNode,
  type Node,
  type Tensor,
  toFloat32,
  toNumbers,
} from "../../ir/index.js";
import { BIAS_LIMIT } from "../../numeric/affine.js";
import type { ChannelAffine } from "../graph/channel-affine.js";

/** A constant behind DequantizeLinear: its codes and scales. */
export interface Codes {
  readonly node: Node;
  readonly codes: Tensor;
  readonly scale: Tensor;
}

export function codesOf(name: string | undefined, editor: GraphEditor): Codes | undefined {
  const node = editor.producer(name ?? "");
  if (!isOp(node, "DequantizeLinear")) return undefined;
  const [codes, scale] = [editor.constant(node.inputs[0] ?? ""), editor.constant(node.inputs[1] ?? "")];
  return codes && scale?.dataType === DataType.FLOAT ? { node, codes, scale } : undefined;
}

export interface Folded {
  readonly scales: Float32Array;
  readonly bias: Int32Array;
  readonly biasScales: Float32Array;
}

/** The scales and bias of the convolution with the step; undefined where they cannot be written. */
export function foldedScales(
  conv: Node,
  weight: Codes,
  { scale, shift }: ChannelAffine,
  editor: GraphEditor,
): Folded | undefined {
  const channels = scale.length;
  const input = codesOfInput(conv, editor);
  const old = biasOf(conv, channels, editor);
  const isSingle = elementCount(weight.scale) === 1;
  if (
    !input ||
    !old ||
    !scale.every((s) => s > 0 && Number.isFinite(s)) ||
    (isSingle && scale.some((s) => s !== scale[0]))
  )
    return undefined;
  const before = toFloat32(weight.scale);
  const scales = Float32Array.from(isSingle ? [0] : scale, (_, c) => before[c]! * scale[c]!);
  const biasScales = scales.map((s) => Math.fround(s * input));
  const bias = Float64Array.from({ length: channels }, (_, c) =>
    Math.round((old[c]! * scale[c]! + shift[c]!) / biasScales[isSingle ? 0 : c]!),
  );
  const fits = bias.every((code) => Math.abs(code) <= BIAS_LIMIT) && scales.every((s) => s > 0 && Number.isFinite(s));
  return fits ? { scales, bias: Int32Array.from(bias), biasScales } : undefined;
}

/** The scale of the codes that the convolution reads. */
export function codesOfInput(conv: Node, editor: GraphEditor): number | undefined {
  const node = editor.producer(conv.inputs[0] ?? "");
  const scale = isOp(node, "DequantizeLinear") ? editor.constant(node.inputs[1] ?? "") : undefined;
  return scale?.dataType === DataType.FLOAT && elementCount(scale) === 1 ? toFloat32(scale)[0] : undefined;
}

function biasOf(conv: Node, channels: number, editor: GraphEditor): Float64Array | undefined {
  if ((conv.inputs[2] ?? "") === "") return new Float64Array(channels);
  const bias = codesOf(conv.inputs[2], editor);
  if (bias?.codes.dataType !== DataType.INT32 || elementCount(bias.codes) !== channels) return undefined;
  const [codes, scales] = [toNumbers(bias.codes), toFloat32(bias.scale)];
  return Float64Array.from({ length: channels }, (_, c) => codes[c]! * scales[scales.length === 1 ? 0 : c]!);
}

/** New DequantizeLinear nodes, as other layers may read the old ones. */
export function setConstants(
  conv: Node,
  { node, codes, scale }: Codes,
  { scales, bias, biasScales }: Folded,
  editor: GraphEditor,
): void {
  const stem = editor.uniqueName(`${node.outputs[0] ?? "w"}_folded`);
  const add = (tensor: Tensor): string =>
    editor.addInitializer({ ...tensor, name: editor.uniqueName(tensor.name ?? stem) });
  const scaleName = add(floatTensor(`${stem}_s`, scale.dims, scales));
  const dequantized = {
    ...node,
    attributes: [...node.attributes],
    inputs: [codes.name ?? "", scaleName, ...node.inputs.slice(2)],
    outputs: [stem],
  };
  delete dequantized.name;
  const biasName = editor.uniqueName(`${stem}_b`);
  const biasInputs = [
    add(integerTensor(`${biasName}_q`, [bias.length], DataType.INT32, bias)),
    add(floatTensor(`${biasName}_s`, biasScales.length === 1 ? [] : [biasScales.length], biasScales)),
  ];
  editor.insertBefore(
    conv,
    dequantized,
    makeNode("DequantizeLinear", biasInputs, [biasName], biasScales.length === 1 ? [] : [attribute.int("axis", 0)]),
  );
  const replaced = [node, editor.producer(conv.inputs[2] ?? "")];
  editor.setInput(conv, 1, stem);
  editor.setInput(conv, 2, biasName);
  const unused = replaced.filter(
    (old): old is Node =>
      old?.outputs.every((name) => editor.consumers(name).length === 0 && !editor.isOutput(name)) === true,
  );
  if (unused.length > 0) editor.removeNodes(...unused);
}
