/** Writes int8 weight codes with scales, and int32 biases, into a graph, read through DequantizeLinear. */
import {
  DataType,
  FloatReader,
  floatTensor,
  type GraphEditor,
  integerTensor,
  intAttribute,
  isOp,
  type Node,
  removeAttribute,
  type Tensor,
  tensorSource,
} from "../../../ir/index.js";
import {
  codesAtScales,
  quantizeRows,
  type QuantizedRows,
  type RowOptions,
  scalesForBias,
} from "../../../numeric/affine.js";
import { plainBias, setBias } from "../../../layers/bias.js";
import { insertDequantize } from "../../../layers/coding.js";
import type { StridedView } from "../../../ops/strided-view.js";
import { weightView } from "../../../layers/weight-view.js";
import { requireFinite } from "../../../layers/weight-values.js";
import { gemmFactors } from "../../../layers/gemm-factors.js";
import {
  channelView,
  type KernelWeight,
  kernelWeight,
  type WeightPart,
  weightParts,
} from "../../../layers/kernel-weight.js";
import { isGuarded, maxWeightCode, type WeightForm } from "../setup/weight-form.js";
import type { SharedCodes, WeightRead } from "./shared-codes.js";

export interface WeightOptions extends WeightForm {
  /** How the weights are read. */
  readonly reader: FloatReader;
}

/** @param nodes whose weights will be read */
export function weightOptions(editor: GraphEditor, nodes: Iterable<Node>, form: WeightForm): WeightOptions {
  const weights = [...nodes].flatMap((node) => kernelWeight(editor, node)?.view.tensor ?? []);
  return { ...form, reader: new FloatReader(weights) };
}

/**
 * Cache of weight codes by form. Constants never change in place, and a search for nodes to leave in float
 * needs the same codes dozens of times.
 */
const KNOWN_CODES = new WeakMap<Tensor, Map<string, QuantizedRows>>();

/** Codes in the order of the constant, and the scales of all its parts. */
export function quantizeWeight(
  node: Node,
  weight: KernelWeight,
  options: WeightOptions,
  minScales?: Float32Array,
): QuantizedRows {
  const { tensor } = weight.view;
  const form = {
    perTensor: options.perTensor,
    guardPairs: isGuarded(node, weight.view, options),
    maxCode: maxWeightCode(tensor, options),
  };
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

function quantizeParts(
  values: Float32Array,
  parts: readonly WeightPart[],
  options: RowOptions,
): QuantizedRows {
  if (parts.length === 1) return quantizeRows(values, parts[0]!.order, options);
  const codes = new Int8Array(values.length);
  const own = parts.map(({ order, from, to }) => {
    const quantized = quantizeRows(values.subarray(from, to), order, options);
    codes.set(quantized.codes, from);
    return quantized.scales;
  });
  if (!options.perTensor) return { codes, scales: Float32Array.from(own.flatMap((scales) => [...scales])) };
  // A common scale is the largest that any part needs.
  const scale = own.reduce((largest, scales) => Math.max(largest, scales[0] ?? 0), 0);
  for (const { order, from, to } of parts)
    codes.set(
      codesAtScales(values.subarray(from, to), order, new Float32Array(order.channels).fill(scale), options),
      from,
    );
  return { codes, scales: new Float32Array(parts.length * parts[0]!.order.channels).fill(scale) };
}

/**
 * Replaces the float weight and bias of a statically quantized node by DequantizeLinear of codes. The scales
 * absorb a Gemm's alpha, and the bias absorbs its beta. The bias scale must be inputScale × weightScale, so a
 * large bias with tiny scales widens the weight's scale.
 */
export function attachCodes(
  editor: GraphEditor,
  node: Node,
  inputScale: number,
  options: WeightOptions,
  shared: SharedCodes,
): void {
  const weight = kernelWeight(editor, node)!;
  const { view, kernel } = weight;
  const { alpha, beta } = gemmFactors(node);
  const channels = isOp(node, "Conv") ? view.dims[0]! : kernel.dims.at(-1)!;
  const bias = plainBias(editor, node, channels)?.map((b) => b * beta);
  const { codes, scales: own } = quantizeWeight(
    node,
    weight,
    options,
    bias && scalesForBias(bias, inputScale * Math.abs(alpha)),
  );
  // Kernels need positive scales.
  const signed = alpha < 0 ? codes.map((code) => -code) : codes;
  const scales = own.map((scale) => scale * Math.abs(alpha));
  const axis = isOp(node, "Conv") || (isOp(node, "Gemm") && intAttribute(node, "transB", 0) === 1) ? 0 : 1;
  const stem = editor.uniqueName("w");
  const code = shared.place(editor, view.tensor, signed, view, `${stem}q`, takesView(view));
  const scaleName = dequantize(
    editor,
    node,
    stem,
    { code, type: DataType.INT8, weight: view.tensor },
    storedScales(scales, options),
    axis,
    shared,
  );
  shared.describe(view.tensor, signed, {
    along: channelView(node, weight),
    name: alpha === 1 ? scaleName : undefined,
    values: storedScales(own, options).values.map((scale) => (alpha < 0 ? -scale : scale)),
  });
  editor.setInput(node, 1, stem);
  removeAttribute(node, "alpha");
  removeAttribute(node, "beta");
  const biasScales = scales.map((scale) => Math.fround(scale * inputScale));
  if (bias) attachBias(editor, node, bias, biasScales, options, shared);
}

function attachBias(
  editor: GraphEditor,
  node: Node,
  bias: Float32Array,
  scales: Float32Array,
  options: WeightOptions,
  shared: SharedCodes,
): void {
  const codes = Int32Array.from(bias, (b, k) => Math.round(b / scales[k]!));
  const name = editor.uniqueName("b");
  const code = editor.addInitializer(
    integerTensor(editor.uniqueName(`${name}q`), [bias.length], DataType.INT32, codes),
  );
  const stored = storedScales(scales, options);
  dequantize(editor, node, name, { code, type: DataType.INT32 }, stored, 0, shared);
  setBias(editor, node, name);
}

/** Whether a layer uses the weight directly in this order. */
function takesView(view: StridedView): (read: WeightRead) => boolean {
  return ({ editor, name }) => {
    const other = weightView(editor, name);
    return other?.dims.join() === view.dims.join() && other.strides.join() === view.strides.join();
  };
}

/** Scales as stored: one per channel, or a single one if all are the same. */
export function storedScales(
  scales: Float32Array,
  { perTensor }: WeightOptions,
): { readonly dims: readonly number[]; readonly values: Float32Array } {
  return perTensor ? { dims: [], values: scales.slice(0, 1) } : { dims: [scales.length], values: scales };
}

/**
 * The weight of a Gemm gets an explicit zero point of zero: without one, onnxruntime 1.32 rejects the Gemm if
 * session.x64quantprecision is set. The weight of a convolution must not have one: at load, onnxruntime shares
 * equal constants of up to eight elements among nodes, and with that setting the sharing makes it fail.
 *
 * Produces the value `stem`, and returns the name of its scales.
 */
function dequantize(
  editor: GraphEditor,
  before: Node,
  stem: string,
  { code, type, weight }: { code: string; type: DataType; weight?: Tensor },
  { dims, values }: ReturnType<typeof storedScales>,
  axis: number,
  shared: SharedCodes,
): string {
  const add = (tensor: Tensor): string =>
    weight
      ? shared.constant(editor, weight, tensor)
      : editor.addInitializer({ ...tensor, name: editor.uniqueName(tensor.name ?? "") });
  const scale = add(floatTensor(`${stem}s`, dims, values));
  const zeroPoint =
    type === DataType.INT8 && isOp(before, "Gemm")
      ? add(integerTensor(`${stem}z`, dims, DataType.INT8, new Int8Array(values.length)))
      : undefined;
  const coding = {
    codes: code,
    scale,
    ...(zeroPoint === undefined ? {} : { zeroPoint }),
    ...(dims.length === 0 ? {} : { axis }),
  };
  insertDequantize(editor, before, coding, stem);
  return scale;
}
