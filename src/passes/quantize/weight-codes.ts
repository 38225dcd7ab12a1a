/** Puts int8 codes and scales of weights, and int32 biases, into a graph behind DequantizeLinear. */
import {
  attribute, DataType, elementCount, FloatReader, floatTensor, type GraphEditor, integerTensor, intAttribute, isOp,
  makeNode, type Node, removeAttribute, type Tensor, tensorSource,
} from "../../ir/index.js";
import {
  codesAtScales, maxCodeOf, quantizeRows, type QuantizedRows, type RowOptions, scalesForBias,
} from "../../numeric/affine.js";
import type { StridedView } from "../../ops/strided-view.js";
import { weightView } from "../../ops/weight-view.js";
import { finiteValues, requireFinite } from "../weights/weight-values.js";
import { gemmFactors } from "./gemm-factors.js";
import {
  channelView, isDepthwise, type KernelWeight, kernelWeight, type WeightPart, weightParts,
} from "./kernel-weight.js";
import type { SharedCodes, WeightRead } from "./shared-codes.js";

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

/** @param nodes whose weights will be read */
export function weightOptions(editor: GraphEditor, nodes: Iterable<Node>, form: WeightForm): WeightOptions {
  const weights = [...nodes].flatMap((node) => kernelWeight(editor, node)?.view.tensor ?? []);
  return { ...form, reader: new FloatReader(weights) };
}

/** The largest code of a weight. */
export function maxWeightCode(weight: Tensor, { bitsOf, maxCode = Infinity }: WeightForm): number {
  return Math.min(maxCode, maxCodeOf(bitsOf?.(weight) ?? 8));
}

/**
 * Codes of weights in memory, by their form. Constants never change in place, and a search for what to leave in float
 * makes the same codes dozens of times.
 */
const KNOWN_CODES = new WeakMap<Tensor, Map<string, QuantizedRows>>();

/** Codes in the order of the constant, and the scales of all its parts. */
export function quantizeWeight(
  node: Node, weight: KernelWeight, options: WeightOptions, minScales?: Float32Array,
): QuantizedRows {
  const { tensor } = weight.view;
  const form = { perTensor: options.perTensor, guardPairs: options.guardPairs && !isDepthwise(node, weight.view),
    maxCode: maxWeightCode(tensor, options) };
  const parts = weightParts(node, weight)!;
  const quantize = (): QuantizedRows => {
    const values = options.reader.read(tensor);
    requireFinite(values, tensor);
    return quantizeParts(values, parts, { ...form, ...(minScales ? { minScales } : {}) });
  };
  if (tensorSource(tensor)) return quantize();
  const known = KNOWN_CODES.get(tensor) ?? new Map<string, QuantizedRows>();
  KNOWN_CODES.set(tensor, known);
  const key = JSON.stringify([form, parts, minScales ? [...minScales] : []]);
  const codes = known.get(key) ?? quantize();
  known.set(key, codes);
  return codes;
}

function quantizeParts(values: Float32Array, parts: readonly WeightPart[], options: RowOptions): QuantizedRows {
  if (parts.length === 1) return quantizeRows(values, parts[0]!.order, options);
  const codes = new Int8Array(values.length);
  const own = parts.map(({ order, from, to }) => {
    const quantized = quantizeRows(values.subarray(from, to), order, options);
    codes.set(quantized.codes, from);
    return quantized.scales;
  });
  if (!options.perTensor) return { codes, scales: Float32Array.from(own.flatMap((scales) => [...scales])) };
  // One scale for all of them is the largest that any needs.
  const scale = own.reduce((largest, scales) => Math.max(largest, scales[0] ?? 0), 0);
  for (const { order, from, to } of parts) codes.set(codesAtScales(values.subarray(from, to), order,
    new Float32Array(order.channels).fill(scale), options), from);
  return { codes, scales: new Float32Array(parts.length * parts[0]!.order.channels).fill(scale) };
}

/**
 * Replaces the float weight and bias of a statically quantized node by DequantizeLinear over codes; scales take up
 * what a Gemm multiplies its product by, and the bias the factor of its own. The bias scale must be inputScale ×
 * weightScale, so a large bias over tiny scales widens the weight's scale.
 */
export function attachCodes(
  editor: GraphEditor, node: Node, inputScale: number, options: WeightOptions, shared: SharedCodes,
): void {
  const weight = kernelWeight(editor, node)!;
  const { view, kernel } = weight;
  const { alpha, beta } = gemmFactors(node);
  const channels = isOp(node, "Conv") ? view.dims[0]! : kernel.dims.at(-1)!;
  const bias = plainBias(editor, node, channels)?.map((b) => b * beta);
  const { codes, scales: own } =
    quantizeWeight(node, weight, options, bias && scalesForBias(bias, inputScale * Math.abs(alpha)));
  // Kernels take scales that are positive.
  const signed = alpha < 0 ? codes.map((code) => -code) : codes;
  const scales = own.map((scale) => scale * Math.abs(alpha));
  const axis = isOp(node, "Conv") || (isOp(node, "Gemm") && intAttribute(node, "transB", 0) === 1) ? 0 : 1;
  const stem = editor.uniqueName("w");
  const code = shared.place(editor, view.tensor, signed, view, `${stem}q`, takesView(view));
  const dequantized = dequantize(editor, node, stem, { code, type: DataType.INT8, weight: view.tensor },
    storedScales(scales, options), axis, shared);
  const scaleName = alpha === 1 ? editor.producer(dequantized)!.inputs[1]! : undefined;
  shared.describe(view.tensor, signed,
    { along: channelView(node, weight), name: scaleName,
    values: storedScales(own, options).values.map((scale) => (alpha < 0 ? -scale : scale)) });
  editor.setInput(node, 1, dequantized);
  removeAttribute(node, "alpha");
  removeAttribute(node, "beta");
  if (!bias) return;
  const biasScales = scales.map((scale) => Math.fround(scale * inputScale));
  const biasCodes = Int32Array.from(bias, (b, k) => Math.round(b / biasScales[k]!));
  const name = editor.uniqueName("b");
  const biasCode = editor.addInitializer(integerTensor(editor.uniqueName(`${name}q`), [bias.length], DataType.INT32,
    biasCodes));
  editor.setInput(node, 2,
    dequantize(editor, node, name, { code: biasCode, type: DataType.INT32 }, storedScales(biasScales, options), 0,
    shared));
}

/** Whether a layer sees the weight in this order itself. */
function takesView(view: StridedView): (read: WeightRead) => boolean {
  return ({ editor, name }) => {
    const other = weightView(editor, name);
    return other?.dims.join() === view.dims.join() && other.strides.join() === view.strides.join();
  };
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
function dequantize(
  editor: GraphEditor, before: Node, stem: string,
    { code, type, weight }: { code: string; type: DataType; weight?: Tensor },
  { dims, values }: ReturnType<typeof storedScales>, axis: number, shared: SharedCodes,
): string {
  const add = (tensor: Tensor): string =>
    (weight ? shared.constant(editor, weight, tensor)
    : editor.addInitializer({ ...tensor, name: editor.uniqueName(tensor.name ?? "") }));
  const scale = add(floatTensor(`${stem}s`, dims, values));
  const zeros = type === DataType.INT8 && isOp(before, "Gemm")
    ? [add(integerTensor(`${stem}z`, dims, DataType.INT8, new Int8Array(values.length)))] : [];
  editor.insertBefore(before, makeNode("DequantizeLinear", [code, scale, ...zeros], [stem], dims.length === 0 ? [] : [attribute.int("axis", axis)]));
  return stem;
}
