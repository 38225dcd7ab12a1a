/** Puts int8 codes and scales of weights, and int32 biases, into a graph behind DequantizeLinear. */
import { attribute, DataType, elementCount, FloatReader, floatTensor, type GraphEditor, integerTensor, intAttribute, isOp, makeNode, type Node, type Tensor, tensorSource } from "../../ir/index.js";
import { convolutionRows, matrixRows, maxCodeOf, quantizeRows, type QuantizedRows, type RowOrder, scalesForBias } from "../../numeric/affine.js";
import { finiteValues, requireFinite } from "../weights/weight-values.js";

/** The form of int8 weights. */
export interface WeightForm {
  /** See `RowOptions.guardPairs`. */
  readonly guardPairs: boolean;
  /** See `RowOptions.maxCode`. */
  readonly maxCode?: number;
  /** Bits of the codes of a weight; 8 when absent. */
  readonly bitsOf?: (weight: Tensor) => number;
  /** One scale for the whole weight instead of one for each output channel. */
  readonly perTensor: boolean;
}

export interface WeightOptions extends WeightForm {
  /** What the weights are read through. */
  readonly reader: FloatReader;
}

/** @param nodes whose weights, second inputs, will be read */
export function weightOptions(editor: GraphEditor, nodes: Iterable<Node>, form: WeightForm): WeightOptions {
  const weights = [...nodes].flatMap((node) => editor.constant(node.inputs[1] ?? "") ?? []);
  return { ...form, reader: new FloatReader(weights) };
}

/** The largest code of a weight. */
export function maxWeightCode(weight: Tensor, { bitsOf, maxCode = Infinity }: WeightForm): number {
  return Math.min(maxCode, maxCodeOf(bitsOf?.(weight) ?? 8));
}

/** The rows of the weight of a Conv, MatMul or Gemm, in kernel order. */
export function weightRows(node: Node, weight: Tensor): RowOrder {
  if (isOp(node, "Conv")) return convolutionRows(weight.dims);
  return matrixRows(weight.dims as [number, number], isOp(node, "Gemm") && intAttribute(node, "transB", 0) === 1);
}

/** Depthwise kernels multiply in 16 and add in 32 bits, so pairs of their weights cannot saturate. */
export function isDepthwise(node: Node, weight: Tensor): boolean {
  return isOp(node, "Conv") && weight.dims[1] === 1 && intAttribute(node, "group", 1) > 1;
}

/**
 * Codes of weights in memory, by their form. Constants never change in place, and a search for what to leave in float
 * makes the same codes dozens of times.
 */
const KNOWN_CODES = new WeakMap<Tensor, Map<string, QuantizedRows>>();

export function quantizeWeight(node: Node, weight: Tensor, options: WeightOptions, minScales?: Float32Array): QuantizedRows {
  const form = { perTensor: options.perTensor, guardPairs: options.guardPairs && !isDepthwise(node, weight), maxCode: maxWeightCode(weight, options) };
  const quantize = (): QuantizedRows => {
    const values = options.reader.read(weight);
    requireFinite(values, weight);
    return quantizeRows(values, weightRows(node, weight), { ...form, ...(minScales ? { minScales } : {}) });
  };
  if (tensorSource(weight)) return quantize();
  const known = KNOWN_CODES.get(weight) ?? new Map<string, QuantizedRows>();
  KNOWN_CODES.set(weight, known);
  const key = JSON.stringify([form, weightRows(node, weight), minScales ? [...minScales] : []]);
  const codes = known.get(key) ?? quantize();
  known.set(key, codes);
  return codes;
}

/**
 * Replaces the float weight and bias of a statically quantized node by DequantizeLinear over codes.
 * The bias scale must be inputScale × weightScale, so a large bias over tiny scales widens the weight's scale.
 */
export function attachCodes(editor: GraphEditor, node: Node, inputScale: number, options: WeightOptions): void {
  const weight = editor.constant(node.inputs[1]!)!;
  const bias = plainBias(editor, node, weightRows(node, weight).channels);
  const { codes, scales } = quantizeWeight(node, weight, options, bias && scalesForBias(bias, inputScale));
  const axis = isOp(node, "Conv") || (isOp(node, "Gemm") && intAttribute(node, "transB", 0) === 1) ? 0 : 1;
  const stem = editor.uniqueName("w");
  editor.setInput(node, 1, dequantize(editor, node, stem, integerTensor(`${stem}q`, weight.dims, DataType.INT8, codes), storedScales(scales, options), axis));
  if (!bias) return;
  const biasScales = scales.map((scale) => Math.fround(scale * inputScale));
  const biasCodes = Int32Array.from(bias, (b, k) => Math.round(b / biasScales[k]!));
  const name = editor.uniqueName("b");
  editor.setInput(node, 2, dequantize(editor, node, name, integerTensor(`${name}q`, [bias.length], DataType.INT32, biasCodes), storedScales(biasScales, options), 0));
}

/** Scales as a file has them: one for each channel, or the one that all of them are. */
export function storedScales(scales: Float32Array, { perTensor }: WeightOptions): { readonly dims: readonly number[]; readonly values: Float32Array } {
  return perTensor ? { dims: [], values: scales.slice(0, 1) } : { dims: [scales.length], values: scales };
}

/** The bias as one float per channel, or undefined when there is none or it is of another form. */
export function plainBias(editor: GraphEditor, node: Node, channels: number): Float32Array | undefined {
  const bias = node.inputs[2] ? editor.constant(node.inputs[2]) : undefined;
  if (bias?.dataType !== DataType.FLOAT || elementCount(bias) !== channels || (bias.dims.at(-1) ?? 1) !== channels) return undefined;
  return finiteValues(bias);
}

/**
 * A Gemm's weight names its zero point though it is zero and absent means zero: without one, onnxruntime 1.32 refuses
 * the Gemm when session.x64quantprecision is set. A convolution must go without: onnxruntime shares equal constants of
 * up to eight elements among nodes at load, and with that setting fails over what it shared.
 */
function dequantize(editor: GraphEditor, before: Node, stem: string, codes: Tensor, { dims, values }: ReturnType<typeof storedScales>, axis: number): string {
  const code = editor.addInitializer({ ...codes, name: editor.uniqueName(codes.name ?? stem) });
  const scale = editor.addInitializer(floatTensor(editor.uniqueName(`${stem}s`), dims, values));
  const zeros = codes.dataType === DataType.INT8 && isOp(before, "Gemm")
    ? [editor.addInitializer(integerTensor(editor.uniqueName(`${stem}z`), dims, DataType.INT8, new Int8Array(values.length)))] : [];
  editor.insertBefore(before, makeNode("DequantizeLinear", [code, scale, ...zeros], [stem], dims.length === 0 ? [] : [attribute.int("axis", axis)]));
  return stem;
}
