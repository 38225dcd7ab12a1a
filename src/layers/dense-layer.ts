/** Reads and writes the numbers of the last fully connected layer of a graph, whatever its quantized form. */
import {
  DataType,
  floatTensor,
  type GraphEditor,
  integerTensor,
  isOp,
  type Node,
  type Tensor,
  toFloat32,
  toNumbers,
} from "../ir/index.js";
import { codesAtScales, matrixRows } from "../numeric/affine.js";
import { biasSites, type BiasSite } from "./bias-sites.js";
import { dynamicSource } from "./coding.js";
import { isPlainGemm } from "./gemm-factors.js";
import { type Layer, layerAt } from "./layer.js";

export interface DenseLayer {
  readonly node: Node;
  /** The layer's input in real numbers, and its output including the bias. */
  readonly input: string;
  readonly output: string;
  readonly inputs: number;
  readonly outputs: number;
  /** The weights as the kernel uses them. */
  weights(): Float64Array;
  bias(): Float64Array;
  /** Writes weights, rounded to the layer's scales if it has codes. */
  replaceWeights(weights: Float64Array): void;
  shiftBias(shift: Float64Array): void;
}

/**
 * The last Gemm or matrix product with a constant weight and bias, in float, between Q/DQ pairs or quantized
 * dynamically.
 */
export function lastDenseLayer(editor: GraphEditor): DenseLayer | undefined {
  for (const site of biasSites(editor).reverse()) {
    if (isOp(site.node, "Conv")) return undefined;
    const layer = layerOf(editor, site);
    if (layer) return layer;
  }
  return undefined;
}

/** A constant [K, N] or [N, K] of floats, or of codes with one scale per output. */
interface Stored {
  readonly weight: Tensor;
  readonly scale: Tensor | undefined;
  readonly transposed: boolean;
  readonly input: string;
}

function layerOf(editor: GraphEditor, site: BiasSite): DenseLayer | undefined {
  const stored = isOp(site.node, "Gemm") ? behindGemm(editor, site.node) : behindAdd(editor, site.node);
  if (stored?.weight.dims.length !== 2) return undefined;
  const { weight, scale, transposed, input } = stored;
  const [outputs = 0, inputs = 0] = transposed ? weight.dims : [weight.dims[1]!, weight.dims[0]!];
  if (outputs !== site.channels || (scale && toNumbers(scale).length !== outputs) || !isOwn(editor, weight))
    return undefined;
  const at = (o: number, i: number): number => (transposed ? o * inputs + i : i * outputs + o);
  return {
    node: site.node,
    input,
    output: site.output,
    inputs,
    outputs,
    weights: () => rowsOf(editor.constant(weight.name ?? "")!, scale, outputs, inputs, at),
    bias: () => site.values(),
    shiftBias: (shift) => void site.shift(shift),
    replaceWeights: (weights) => {
      const values = new Float32Array(weights.length);
      for (let o = 0; o < outputs; o++)
        for (let i = 0; i < inputs; i++) values[at(o, i)] = weights[o * inputs + i]!;
      if (scale) replaceCodes(editor, weight, scale, values, transposed);
      else editor.replaceInitializer(floatTensor(weight.name ?? "", weight.dims, values));
    },
  };
}

function behindGemm(editor: GraphEditor, node: Node): Stored | undefined {
  return isPlainGemm(node) ? storedIn(editor, node) : undefined;
}

function behindAdd(editor: GraphEditor, add: Node): Stored | undefined {
  const product = add.inputs.map((name) => editor.producer(name)).find((node) => isOp(node, "MatMul", "Mul"));
  if (!product) return undefined;
  return product.opType === "Mul" ? behindCodes(editor, product) : storedIn(editor, product);
}

/** The Mul of dynamic quantization: products of codes times the product of both scales. */
function behindCodes(editor: GraphEditor, { inputs: [sum = "", factor = ""] }: Node): Stored | undefined {
  const product = editor.producer(editor.producer(sum)?.inputs[0] ?? "");
  const input = isOp(product, "MatMulInteger") ? dynamicSource(editor, product.inputs[0] ?? "") : undefined;
  const weight = product && ownConstant(layerAt(editor, product, 1));
  const scale = editor.constant(editor.producer(factor)?.inputs[1] ?? "");
  if (input === undefined || !scale || weight?.dataType !== DataType.INT8) return undefined;
  return { weight, scale, transposed: false, input };
}

/** For a layer that computes in float, whose weight is float or read through a DequantizeLinear. */
function storedIn(editor: GraphEditor, node: Node): Stored | undefined {
  const layer = layerAt(editor, node, 1);
  const weight = ownConstant(layer);
  if (!layer || !weight) return undefined;
  const scale = layer.coding && editor.constant(layer.coding.scale);
  const fits = layer.coding ? weight.dataType === DataType.INT8 && scale : weight.dataType === DataType.FLOAT;
  const [input = ""] = node.inputs;
  return fits ? { weight, scale, transposed: layer.channelAxis === 0, input } : undefined;
}

/** The layer's constant, unless nodes on the way reorder its values. */
function ownConstant(layer: Layer | undefined): Tensor | undefined {
  return layer?.path.every((node) => node === layer.coding?.dequantize) ? layer.tensor : undefined;
}

/** Whether nothing else uses the constant. */
function isOwn(editor: GraphEditor, { name = "" }: Tensor): boolean {
  return editor.soleConsumer(name) !== undefined;
}

function rowsOf(
  weight: Tensor,
  scale: Tensor | undefined,
  outputs: number,
  inputs: number,
  at: (o: number, i: number) => number,
): Float64Array {
  const values = toNumbers(weight);
  const scales = scale ? toFloat32(scale) : undefined;
  const rows = new Float64Array(outputs * inputs);
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++) rows[o * inputs + i] = Number(values[at(o, i)]) * (scales?.[o] ?? 1);
  return rows;
}

/**
 * The scales stay, because the int32 bias of a static layer depends on them. Weights are guarded against
 * saturation, which costs a last layer almost nothing.
 */
function replaceCodes(
  editor: GraphEditor,
  weight: Tensor,
  scale: Tensor,
  values: Float32Array,
  transposed: boolean,
): void {
  const codes = codesAtScales(
    values,
    matrixRows(weight.dims as [number, number], transposed),
    toFloat32(scale),
    { guardPairs: true },
  );
  editor.replaceInitializer(integerTensor(weight.name ?? "", weight.dims, DataType.INT8, codes));
}
