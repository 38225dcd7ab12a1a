/** Constants that are added per channel, where a shift of an output's mean can be compensated. */
import {
  DataType,
  elementCount,
  floatAttribute,
  floatTensor,
  type GraphEditor,
  integerTensor,
  isOp,
  type Node,
  type Tensor,
  toFloat32,
  toNumbers,
} from "../ir/index.js";
import { BIAS_LIMIT } from "../numeric/affine.js";
import {
  type BiasCoding,
  biasName,
  biasValues,
  channelScales,
  isFloatVector,
  layerBias,
  setBias,
  storedBias,
  type StoredBias,
} from "./bias.js";
import { dequantization, insertDequantize } from "./coding.js";
import { type Layer, layerAt } from "./layer.js";

/** An operator whose output has a value per channel added. */
export interface BiasSite {
  readonly node: Node;
  /** The operator's output, in real numbers. */
  readonly output: string;
  /** Of the output; negative counts from the end. */
  readonly channelAxis: number;
  readonly channels: number;
  /** Number of spatial axes: all but the first two of a convolution's output; 0 for other layers. */
  readonly spatialRank: number;
  /** b ← b + shift, one value per channel. Returns whether any stored value changed. */
  shift(values: Float64Array): boolean;
  /** The current bias, one value per channel. */
  values(): Float64Array;
}

/** How to read a bias and how to change it. */
type Bias = Pick<BiasSite, "shift" | "values">;

/** Sites of a graph in execution order: convolutions, Gemm, and the Add behind a matrix product. */
export function biasSites(editor: GraphEditor): BiasSite[] {
  return editor.graph.nodes.flatMap(
    (node) => (isOp(node, "Conv", "Gemm") ? layerSite(editor, node) : addSite(editor, node)) ?? [],
  );
}

function layerSite(editor: GraphEditor, node: Node): BiasSite | undefined {
  const layer = computedLayer(editor, node);
  const output = node.outputs[0] ?? "";
  if (!layer || !output || !addsPlainly(node)) return undefined;
  const channels = layer.dims[layer.channelAxis]!;
  const found =
    biasName(node) === ""
      ? absentBias(editor, layer, channels)
      : constantBias(editor, layerBias(editor, node), channels);
  return (
    found && {
      node,
      output,
      channelAxis: isOp(node, "Conv") ? 1 : -1,
      channels,
      spatialRank: isOp(node, "Conv") ? layer.dims.length - 2 : 0,
      ...found,
    }
  );
}

/** A Gemm whose beta is not 1 adds a multiple of its bias. */
function addsPlainly(node: Node): boolean {
  return isOp(node, "Conv") || floatAttribute(node, "beta", 1) === 1;
}

/** The layer whose weight is float, or codes through a DequantizeLinear. */
function computedLayer(editor: GraphEditor, node: Node): Layer | undefined {
  const layer = layerAt(editor, node, 1);
  return layer?.coding && !layer.coding.dequantize ? undefined : layer;
}

/** The Add after a product with a constant: of floats, or of codes as dynamic quantization writes it. */
function addSite(editor: GraphEditor, node: Node): BiasSite | undefined {
  if (!isOp(node, "Add")) return undefined;
  const index = node.inputs.findIndex((name) => editor.constant(name) !== undefined);
  const constant = node.inputs[index];
  const other = node.inputs.find((name) => name !== constant);
  if (constant === undefined || other === undefined || !isProduct(editor, other)) return undefined;
  const channels = editor.constant(constant)!.dims.at(-1);
  const bias =
    channels === undefined ? undefined : constantBias(editor, storedBias(editor, node, index), channels);
  const output = node.outputs[0] ?? "";
  return bias && { node, output, channelAxis: -1, channels: channels!, spatialRank: 0, ...bias };
}

function isProduct(editor: GraphEditor, name: string): boolean {
  const producer = editor.producer(name);
  if (producer?.opType === "MatMul") return isOp(producer, "MatMul");
  const cast = isOp(producer, "Mul") ? editor.producer(producer.inputs[0] ?? "") : undefined;
  return isOp(cast, "Cast") && isOp(editor.producer(cast.inputs[0] ?? ""), "MatMulInteger");
}

/** The bias of a node: floats, or int32 codes through a DequantizeLinear. */
function constantBias(editor: GraphEditor, bias: StoredBias | undefined, channels: number): Bias | undefined {
  if (!bias) return undefined;
  const { user: node, name, tensor, coding } = bias;
  if (coding) {
    const isOwn = elementCount(tensor) === channels && editor.soleConsumer(name) === node;
    return isOwn
      ? codedBias(new OwnConstant(editor, coding.dequantize, tensor.name ?? ""), coding)
      : undefined;
  }
  return isFloatVector(bias, channels) ? floatBias(new OwnConstant(editor, node, name)) : undefined;
}

function floatBias(own: OwnConstant): Bias {
  return {
    values: () => biasValues({ tensor: own.tensor }),
    shift: (values) =>
      own.replace((as) => {
        const { tensor } = own;
        return floatTensor(
          as,
          tensor.dims,
          toFloat32(tensor).map((b, c) => b + values[c]!),
        );
      }),
  };
}

function codedBias(own: OwnConstant, coding: BiasCoding): Bias {
  const scaleOf = channelScales(coding.scale);
  return {
    values: () => biasValues({ tensor: own.tensor, coding }),
    shift: (values) =>
      own.replace((as) => {
        const { tensor } = own;
        const codes = Int32Array.from(toNumbers(tensor), (code, c) =>
          biasCode(code + values[c]! / scaleOf(c), code),
        );
        return integerTensor(as, tensor.dims, DataType.INT32, codes);
      }),
  };
}

/** Half of the int32 range, as in quantize-int8: kernels add products to the code in int32, which wraps around. */
function biasCode(value: number, before = 0): number {
  const limit = Math.max(BIAS_LIMIT, Math.abs(before));
  return Math.min(limit, Math.max(-limit, Math.round(value)));
}

/** The constant of a node, to be changed for that node only; other users keep the old values. */
class OwnConstant {
  constructor(
    private readonly editor: GraphEditor,
    private readonly user: Node,
    private name: string,
  ) {}

  get tensor(): Tensor {
    return this.editor.constant(this.name)!;
  }

  /** Whether any value changed. */
  replace(make: (name: string) => Tensor): boolean {
    const before = this.tensor;
    const [old, after] = [toNumbers(before), make(this.name)];
    if (toNumbers(after).every((value, i) => value === old[i])) return false;
    if (this.editor.soleConsumer(this.name) === this.user && this.editor.graph.initializers.includes(before))
      this.editor.replaceInitializer(after);
    else {
      const name = this.editor.addInitializer({ ...after, name: this.editor.uniqueName(this.name) });
      this.editor.setInput(this.user, this.user.inputs.indexOf(this.name), name);
      this.name = name;
    }
    return true;
  }
}

/** For a layer without a bias: the first shift becomes one, later ones change it. */
function absentBias(editor: GraphEditor, layer: Layer, channels: number): Bias | undefined {
  const { node } = layer;
  const scale = biasScale(editor, layer, channels);
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
      setBias(editor, node, name);
      added = constantBias(editor, layerBias(editor, node), channels);
      return true;
    },
  };
}

/** The scale that int32 codes of a bias must have, one per channel; "float" for a layer that computes in float. */
function biasScale(
  editor: GraphEditor,
  { node, dataType, coding }: Layer,
  channels: number,
): Float32Array | "float" | undefined {
  if (!coding) return dataType === DataType.FLOAT ? "float" : undefined;
  const input = dequantization(editor, node.inputs[0] ?? "");
  const [inputScale, weightScale] = [editor.constant(input?.scale ?? ""), editor.constant(coding.scale)];
  if (!inputScale || !weightScale || elementCount(inputScale) !== 1) return undefined;
  const [scale] = toFloat32(inputScale);
  const scaleOf = channelScales(weightScale);
  return Float32Array.from({ length: channels }, (_, c) => scale! * scaleOf(c));
}

function addCodes(
  editor: GraphEditor,
  node: Node,
  name: string,
  values: Float64Array,
  scales: Float32Array,
): void {
  const codes = editor.addInitializer(
    integerTensor(
      editor.uniqueName(`${name}q`),
      [values.length],
      DataType.INT32,
      Int32Array.from(values, (value, c) => biasCode(value / scales[c]!)),
    ),
  );
  const scale = editor.addInitializer(floatTensor(editor.uniqueName(`${name}s`), [scales.length], scales));
  insertDequantize(editor, node, { codes, scale, axis: 0 }, name);
}
