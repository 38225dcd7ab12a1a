/** Where a shift of an output's mean can be taken up: a constant that is added per channel. */
import { attribute, DataType, elementCount, floatAttribute, floatTensor, type GraphEditor, integerTensor, intAttribute, isOp, makeNode, type Node, type Tensor, toFloat32, toNumbers } from "../../ir/index.js";
import { BIAS_LIMIT } from "../../numeric/affine.js";
import { type WeightView, weightView } from "../../ops/weight-view.js";

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
  /** What is added now, one value per channel. */
  values(): Float64Array;
}

/** How to read a bias and how to change it. */
type Bias = Pick<BiasSite, "shift" | "values">;

/** Sites of a graph in execution order: convolutions, Gemm, and the Add behind a matrix product. */
export function biasSites(editor: GraphEditor): BiasSite[] {
  return editor.graph.nodes.flatMap((node) => (isOp(node, "Conv", "Gemm") ? layerSite(editor, node) : addSite(editor, node)) ?? []);
}

function layerSite(editor: GraphEditor, node: Node): BiasSite | undefined {
  const channels = outputChannels(editor, node);
  const bias = node.inputs[2] ?? "";
  const output = node.outputs[0] ?? "";
  if (channels === undefined || !output || !addsPlainly(node)) return undefined;
  const found = bias === "" ? absentBias(editor, node, channels) : constantBias(editor, node, bias, channels);
  return found && { node, output, channelAxis: isOp(node, "Conv") ? 1 : -1, channels, ...found };
}

/** A Gemm whose beta is not 1 adds a multiple of its bias. */
function addsPlainly(node: Node): boolean {
  return isOp(node, "Conv") || floatAttribute(node, "beta", 1) === 1;
}

/** The length of the weight's output axis; the weight may lie behind a DequantizeLinear. */
function outputChannels(editor: GraphEditor, node: Node): number | undefined {
  const weight = storedWeight(editor, node);
  if (!weight) return undefined;
  if (isOp(node, "Conv")) return weight.dims[0];
  return weight.dims[intAttribute(node, "transB", 0) === 1 ? 0 : 1];
}

/** A layer's constant weight, or its codes, as the layer sees them. */
export function storedWeight(editor: GraphEditor, node: Node): WeightView | undefined {
  const name = node.inputs[1] ?? "";
  const producer = editor.producer(name);
  return weightView(editor, isOp(producer, "DequantizeLinear") ? producer.inputs[0] ?? "" : name);
}

/** The Add behind a product with a constant: of floats, or of codes as dynamic quantization writes it. */
function addSite(editor: GraphEditor, node: Node): BiasSite | undefined {
  if (!isOp(node, "Add")) return undefined;
  const constant = node.inputs.find((name) => editor.constant(name) !== undefined);
  const other = node.inputs.find((name) => name !== constant);
  if (constant === undefined || other === undefined || !isProduct(editor, other)) return undefined;
  const channels = editor.constant(constant)!.dims.at(-1);
  const bias = channels === undefined ? undefined : constantBias(editor, node, constant, channels);
  return bias && { node, output: node.outputs[0] ?? "", channelAxis: -1, channels: channels!, ...bias };
}

function isProduct(editor: GraphEditor, name: string): boolean {
  const producer = editor.producer(name);
  if (producer?.opType === "MatMul") return isOp(producer, "MatMul");
  const cast = isOp(producer, "Mul") ? editor.producer(producer.inputs[0] ?? "") : undefined;
  return isOp(cast, "Cast") && isOp(editor.producer(cast.inputs[0] ?? ""), "MatMulInteger");
}

/** The bias `name` of a node: floats, or int32 codes behind a DequantizeLinear. */
function constantBias(editor: GraphEditor, node: Node, name: string, channels: number): Bias | undefined {
  const dequantize = editor.producer(name);
  return isOp(dequantize, "DequantizeLinear") ? codedBias(editor, node, name, dequantize, channels) : floatBias(editor, node, name, channels);
}

function floatBias(editor: GraphEditor, node: Node, name: string, channels: number): Bias | undefined {
  const bias = editor.constant(name);
  if (bias?.dataType !== DataType.FLOAT || elementCount(bias) !== channels || bias.dims.at(-1) !== channels) return undefined;
  const { dims } = bias;
  const own = new OwnConstant(editor, node, name);
  return {
    values: () => Float64Array.from(toFloat32(own.tensor)),
    shift: (values) => own.replace((as) => floatTensor(as, dims, toFloat32(own.tensor).map((b, c) => b + values[c]!))),
  };
}

function codedBias(editor: GraphEditor, node: Node, name: string, dequantize: Node, channels: number): Bias | undefined {
  const [codes, scale] = [editor.constant(dequantize.inputs[0] ?? ""), editor.constant(dequantize.inputs[1] ?? "")];
  if (!scale || codes?.dataType !== DataType.INT32 || elementCount(codes) !== channels || editor.soleConsumer(name) !== node) return undefined;
  const { dims } = codes;
  const scales = toFloat32(scale);
  const scaleOf = (c: number): number => scales[scales.length === 1 ? 0 : c]!;
  const own = new OwnConstant(editor, dequantize, codes.name ?? "");
  return {
    values: () => Float64Array.from(toNumbers(own.tensor), (code, c) => code * scaleOf(c)),
    shift: (values) => own.replace((as) => integerTensor(as, dims, DataType.INT32, Int32Array.from(toNumbers(own.tensor), (code, c) => biasCode(code + values[c]! / scaleOf(c), code)))),
  };
}

/** Half of the int32 range, as quantize-int8 has it: kernels add products to the code in int32, which wraps around. */
function biasCode(value: number, before = 0): number {
  const limit = Math.max(BIAS_LIMIT, Math.abs(before));
  return Math.min(limit, Math.max(-limit, Math.round(value)));
}

/** A constant that one node uses, to be changed for that node alone: where others use it too, they keep what they had. */
class OwnConstant {
  constructor(private readonly editor: GraphEditor, private readonly user: Node, private name: string) {}

  get tensor(): Tensor {
    return this.editor.constant(this.name)!;
  }

  /** Whether any value is another one now. */
  replace(make: (name: string) => Tensor): boolean {
    const before = this.tensor;
    const [old, after] = [toNumbers(before), make(this.name)];
    if (toNumbers(after).every((value, i) => value === old[i])) return false;
    if (this.editor.soleConsumer(this.name) === this.user && this.editor.graph.initializers.includes(before)) this.editor.replaceInitializer(after);
    else {
      const name = this.editor.addInitializer({ ...after, name: this.editor.uniqueName(this.name) });
      this.editor.setInput(this.user, this.user.inputs.indexOf(this.name), name);
      this.name = name;
    }
    return true;
  }
}

/** For a layer without a bias: the first shift becomes one, later ones change it. */
function absentBias(editor: GraphEditor, node: Node, channels: number): Bias | undefined {
  const scale = biasScale(editor, node, channels);
  if (scale === undefined) return undefined;
  let added: Bias | undefined;
  return {
    values: () => added?.values() ?? new Float64Array(channels),
    shift: (values) => {
      if (added) return added.shift(values);
      if (values.every((value) => value === 0)) return false;
      const name = editor.uniqueName("b");
      if (scale === "float") editor.addInitializer(floatTensor(name, [channels], Float32Array.from(values)));
      else addCodes(editor, node, name, values, scale);
      editor.setInput(node, 2, name);
      added = constantBias(editor, node, name, channels);
      return true;
    },
  };
}

/** The scale that int32 codes of a bias must have, one for each channel; "float" for a layer that computes in float. */
function biasScale(editor: GraphEditor, node: Node, channels: number): Float32Array | "float" | undefined {
  const [input, weight] = [0, 1].map((index) => editor.producer(node.inputs[index] ?? ""));
  if (!isOp(weight, "DequantizeLinear")) return weightView(editor, node.inputs[1] ?? "")?.dataType === DataType.FLOAT
    ? "float" : undefined;
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
