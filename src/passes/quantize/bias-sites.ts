/** Where a shift of an output's mean can be taken up: a constant that is added per channel. */
import { attribute, DataType, elementCount, floatAttribute, floatTensor, type GraphEditor, integerTensor, isOp, makeNode, type Node, type Tensor, toFloat32, toNumbers } from "../../ir/index.js";
import { BIAS_LIMIT } from "../../numeric/affine.js";

/** An operator whose output gets a value per channel added. */
export interface BiasSite {
  readonly node: Node;
  /** What the operator makes, in real numbers. */
  readonly output: string;
  /** Of the output; counted from its end when negative. */
  readonly channelAxis: number;
  readonly channels: number;
  /** b ← b + shift, one value per channel. Returns whether any stored value changed. */
  shift(values: Float64Array): boolean;
}

/** Sites of a graph in execution order: convolutions, Gemm, and the Add behind a matrix product. */
export function biasSites(editor: GraphEditor): BiasSite[] {
  return editor.graph.nodes.flatMap((node) => (isOp(node, "Conv", "Gemm") ? layerSite(editor, node) : addSite(editor, node)) ?? []);
}

function layerSite(editor: GraphEditor, node: Node): BiasSite | undefined {
  const channels = outputChannels(editor, node);
  const bias = node.inputs[2] ?? "";
  const output = node.outputs[0] ?? "";
  if (channels === undefined || !output || !addsPlainly(node)) return undefined;
  const shift = bias === "" ? adder(editor, node, channels) : shifter(editor, node, bias, channels);
  return shift && { node, output, channelAxis: isOp(node, "Conv") ? 1 : -1, channels, shift };
}

/** A Gemm whose beta is not 1 adds a multiple of its bias. */
function addsPlainly(node: Node): boolean {
  return isOp(node, "Conv") || floatAttribute(node, "beta", 1) === 1;
}

/** The length of the weight's output axis; the weight may lie behind a DequantizeLinear. */
function outputChannels(editor: GraphEditor, node: Node): number | undefined {
  const weight = stored(editor, node.inputs[1] ?? "");
  if (!weight) return undefined;
  if (isOp(node, "Conv")) return weight.dims[0];
  const transposed = node.attributes.some(({ name, i }) => name === "transB" && i === 1n);
  return weight.dims[transposed ? 0 : 1];
}

function stored(editor: GraphEditor, name: string): Tensor | undefined {
  const producer = editor.producer(name);
  return editor.constant(isOp(producer, "DequantizeLinear") ? producer.inputs[0] ?? "" : name);
}

/** The Add behind a product with a constant: of floats, or of codes as dynamic quantization writes it. */
function addSite(editor: GraphEditor, node: Node): BiasSite | undefined {
  if (!isOp(node, "Add")) return undefined;
  const constant = node.inputs.find((name) => editor.constant(name) !== undefined);
  const other = node.inputs.find((name) => name !== constant);
  if (constant === undefined || other === undefined || !isProduct(editor, other)) return undefined;
  const channels = editor.constant(constant)!.dims.at(-1);
  const shift = channels === undefined ? undefined : shifter(editor, node, constant, channels);
  return shift && { node, output: node.outputs[0] ?? "", channelAxis: -1, channels: channels!, shift };
}

function isProduct(editor: GraphEditor, name: string): boolean {
  const producer = editor.producer(name);
  if (producer?.opType === "MatMul") return isOp(producer, "MatMul");
  const cast = isOp(producer, "Mul") ? editor.producer(producer.inputs[0] ?? "") : undefined;
  return isOp(cast, "Cast") && isOp(editor.producer(cast.inputs[0] ?? ""), "MatMulInteger");
}

/** Changes the bias `name` of a node: floats, or int32 codes behind a DequantizeLinear. */
function shifter(editor: GraphEditor, node: Node, name: string, channels: number): BiasSite["shift"] | undefined {
  const dequantize = editor.producer(name);
  if (!isOp(dequantize, "DequantizeLinear")) {
    const bias = editor.constant(name);
    if (bias?.dataType !== DataType.FLOAT || elementCount(bias) !== channels || bias.dims.at(-1) !== channels) return undefined;
    return (values) => replace(editor, node, floatTensor(name, bias.dims, toFloat32(editor.constant(name)!).map((b, c) => b + values[c]!)));
  }
  const scale = editor.constant(dequantize.inputs[1] ?? "");
  const codes = editor.constant(dequantize.inputs[0] ?? "");
  if (!scale || codes?.dataType !== DataType.INT32 || elementCount(codes) !== channels || editor.soleConsumer(name) !== node) return undefined;
  const scales = toFloat32(scale);
  return (values) => {
    const current = toNumbers(editor.constant(dequantize.inputs[0] ?? "")!);
    const shifted = Int32Array.from(current, (code, c) => biasCode(code + values[c]! / scales[scales.length === 1 ? 0 : c]!, code));
    return replace(editor, dequantize, integerTensor(codes.name ?? "", codes.dims, DataType.INT32, shifted));
  };
}

/** Half of the int32 range, as quantize-int8 has it: kernels add products to the code in int32, which wraps around. */
function biasCode(value: number, before = 0): number {
  const limit = Math.max(BIAS_LIMIT, Math.abs(before));
  return Math.min(limit, Math.max(-limit, Math.round(value)));
}

/** Puts the tensor in the place of the constant of its name for `user`; other users keep what they had. */
function replace(editor: GraphEditor, user: Node, tensor: Tensor): boolean {
  const name = tensor.name ?? "";
  const before = editor.constant(name)!;
  const old = toNumbers(before);
  if (toNumbers(tensor).every((value, i) => value === old[i])) return false;
  if (editor.soleConsumer(name) === user && editor.graph.initializers.includes(before)) editor.replaceInitializer(tensor);
  else editor.setInput(user, user.inputs.indexOf(name), editor.addInitializer({ ...tensor, name: editor.uniqueName(name) }));
  return true;
}

/** For a layer without a bias: the first shift becomes one, later ones change it. */
function adder(editor: GraphEditor, node: Node, channels: number): BiasSite["shift"] | undefined {
  const scale = biasScale(editor, node, channels);
  if (scale === undefined) return undefined;
  return (values) => {
    if (node.inputs[2]) return shifter(editor, node, node.inputs[2], channels)?.(values) ?? false;
    if (values.every((value) => value === 0)) return false;
    const name = editor.uniqueName("b");
    if (scale === "float") editor.addInitializer(floatTensor(name, [channels], Float32Array.from(values)));
    else addCodes(editor, node, name, values, scale);
    editor.setInput(node, 2, name);
    return true;
  };
}

/** The scale that int32 codes of a bias must have, one for each channel; "float" for a layer that computes in float. */
function biasScale(editor: GraphEditor, node: Node, channels: number): Float32Array | "float" | undefined {
  const [input, weight] = [0, 1].map((index) => editor.producer(node.inputs[index] ?? ""));
  if (!isOp(weight, "DequantizeLinear")) return editor.constant(node.inputs[1] ?? "")?.dataType === DataType.FLOAT ? "float" : undefined;
  const [inputScale, weightScale] = [input, weight].map((node) => (isOp(node, "DequantizeLinear") ? editor.constant(node.inputs[1] ?? "") : undefined));
  if (!inputScale || !weightScale || elementCount(inputScale) !== 1) return undefined;
  const [scale] = toFloat32(inputScale);
  const scales = toFloat32(weightScale);
  return Float32Array.from({ length: channels }, (_, c) => scale! * scales[scales.length === 1 ? 0 : c]!);
}

function addCodes(editor: GraphEditor, node: Node, name: string, values: Float64Array, scales: Float32Array): void {
  const codes = Int32Array.from(values, (value, c) => biasCode(value / scales[c]!));
  const codesName = editor.addInitializer(integerTensor(editor.uniqueName(`${name}q`), [codes.length], DataType.INT32, codes));
  const scaleName = editor.addInitializer(floatTensor(editor.uniqueName(`${name}s`), [scales.length], scales));
  editor.insertBefore(node, makeNode("DequantizeLinear", [codesName, scaleName], [name], [attribute.int("axis", 0)]));
}
