/** The last fully connected layer of a graph, whatever form quantization gave it: its numbers, and putting others in. */
import { DataType, floatTensor, type GraphEditor, integerTensor, intAttribute, isOp, type Node, type Tensor, toFloat32, toNumbers } from "../../ir/index.js";
import { codesAtScales, matrixRows } from "../../numeric/affine.js";
import { biasSites, type BiasSite } from "./bias-sites.js";
import { isPlainGemm } from "./gemm-factors.js";

export interface DenseLayer {
  readonly node: Node;
  /** What the layer multiplies, in real numbers, and what it makes with its bias. */
  readonly input: string;
  readonly output: string;
  readonly inputs: number;
  readonly outputs: number;
  /** The weights as the kernel has them. */
  weights(): Float64Array;
  bias(): Float64Array;
  /** Puts weights in, rounded to the layer's scales where it has codes. */
  replaceWeights(weights: Float64Array): void;
  shiftBias(shift: Float64Array): void;
}

/** The last Gemm or matrix product with a constant weight and bias, in float, behind Q/DQ pairs or quantized dynamically. */
export function lastDenseLayer(editor: GraphEditor): DenseLayer | undefined {
  for (const site of biasSites(editor).reverse()) {
    if (isOp(site.node, "Conv")) return undefined;
    const layer = layerOf(editor, site);
    if (layer) return layer;
  }
  return undefined;
}

/** A constant [K, N] or [N, K] of floats, or of codes with a scale for each output. */
interface Stored { readonly weight: Tensor; readonly scale: Tensor | undefined; readonly transposed: boolean; readonly input: string }

function layerOf(editor: GraphEditor, site: BiasSite): DenseLayer | undefined {
  const stored = isOp(site.node, "Gemm") ? behindGemm(editor, site.node) : behindAdd(editor, site.node);
  if (stored?.weight.dims.length !== 2) return undefined;
  const { weight, scale, transposed, input } = stored;
  const [outputs = 0, inputs = 0] = transposed ? weight.dims : [weight.dims[1]!, weight.dims[0]!];
  if (outputs !== site.channels || (scale && toNumbers(scale).length !== outputs) || !isOwn(editor, weight)) return undefined;
  const at = (o: number, i: number): number => (transposed ? o * inputs + i : i * outputs + o);
  return {
    node: site.node, input, output: site.output, inputs, outputs,
    weights: () => rowsOf(editor.constant(weight.name ?? "")!, scale, outputs, inputs, at),
    bias: () => site.values(),
    shiftBias: (shift) => void site.shift(shift),
    replaceWeights: (weights) => {
      const values = new Float32Array(weights.length);
      for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) values[at(o, i)] = weights[o * inputs + i]!;
      if (scale) replaceCodes(editor, weight, scale, values, transposed);
      else editor.replaceInitializer(floatTensor(weight.name ?? "", weight.dims, values));
    },
  };
}

function behindGemm(editor: GraphEditor, node: Node): Stored | undefined {
  if (!isPlainGemm(node)) return undefined;
  const stored = dequantized(editor, node.inputs[1] ?? "");
  return stored ? { ...stored, transposed: intAttribute(node, "transB", 0) === 1, input: node.inputs[0] ?? "" } : undefined;
}

function behindAdd(editor: GraphEditor, add: Node): Stored | undefined {
  const product = add.inputs.map((name) => editor.producer(name)).find((node) => isOp(node, "MatMul", "Mul"));
  if (!product) return undefined;
  return product.opType === "Mul" ? behindCodes(editor, product) : behindMatMul(editor, product);
}

function behindMatMul(editor: GraphEditor, { inputs: [input = "", weight = ""] }: Node): Stored | undefined {
  const stored = dequantized(editor, weight);
  return stored && { ...stored, transposed: false, input };
}

/** The Mul of dynamic quantization: products of codes times the product of both scales. */
function behindCodes(editor: GraphEditor, { inputs: [sum = "", factor = ""] }: Node): Stored | undefined {
  const product = editor.producer(editor.producer(sum)?.inputs[0] ?? "");
  const quantize = isOp(product, "MatMulInteger") ? editor.producer(product.inputs[0] ?? "") : undefined;
  const weight = editor.constant(product?.inputs[1] ?? "");
  const scale = editor.constant(editor.producer(factor)?.inputs[1] ?? "");
  if (!isOp(quantize, "DynamicQuantizeLinear") || !scale || weight?.dataType !== DataType.INT8) return undefined;
  return { weight, scale, transposed: false, input: quantize.inputs[0] ?? "" };
}

function dequantized(editor: GraphEditor, name: string): { weight: Tensor; scale: Tensor | undefined } | undefined {
  const producer = editor.producer(name);
  if (!isOp(producer, "DequantizeLinear")) {
    const weight = editor.constant(name);
    return weight?.dataType === DataType.FLOAT ? { weight, scale: undefined } : undefined;
  }
  const [weight, scale] = [editor.constant(producer.inputs[0] ?? ""), editor.constant(producer.inputs[1] ?? "")];
  return weight?.dataType === DataType.INT8 && scale ? { weight, scale } : undefined;
}

/** Whether nothing else uses the constant. */
function isOwn(editor: GraphEditor, { name = "" }: Tensor): boolean {
  return editor.soleConsumer(name) !== undefined;
}

function rowsOf(weight: Tensor, scale: Tensor | undefined, outputs: number, inputs: number, at: (o: number, i: number) => number): Float64Array {
  const values = toNumbers(weight);
  const scales = scale ? toFloat32(scale) : undefined;
  const rows = new Float64Array(outputs * inputs);
  for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) rows[o * inputs + i] = Number(values[at(o, i)]) * (scales?.[o] ?? 1);
  return rows;
}

/**
 * The scales stay, as the int32 bias of a static layer is in units of them. Guarded against saturation, which costs a
 * last layer next to nothing.
 */
function replaceCodes(editor: GraphEditor, weight: Tensor, scale: Tensor, values: Float32Array, transposed: boolean): void {
  const codes = codesAtScales(values, matrixRows(weight.dims as [number, number], transposed), toFloat32(scale), { guardPairs: true });
  editor.replaceInitializer(integerTensor(weight.name ?? "", weight.dims, DataType.INT8, codes));
}
