/**
 * The model of a layer: an operator and its weight, the constant that it multiplies by or looks up, in whatever
 * form the file has it. All code that changes weights uses it.
 */
import { DataType, type GraphEditor, intAttribute, isOp, type Node } from "../ir/index.js";
import { type WeightFact, weightFact, type WeightKind } from "../ops/weights.js";
import { dequantization } from "./coding.js";
import { decodedView, type WeightView, weightView } from "./weight-view.js";

/** The constant, and the operator's view of it, through nodes that only move values. */
export interface Layer extends WeightView {
  readonly node: Node;
  readonly editor: GraphEditor;
  readonly inputIndex: number;
  readonly kind: WeightKind;
  /**
   * Axis of the output channels in the operator's view; for a transposed convolution with groups, of the
   * channels of one group.
   */
  readonly channelAxis: number;
  /** Each output channel reads only one input channel. */
  readonly depthwise: boolean;
  readonly groups: number;
  /** Input index of the bias, if the operator has one. */
  readonly biasIndex: number | undefined;
  /** The meaning of the codes, if the weight is integer codes. */
  readonly coding?: WeightCoding;
}

/** Names of the parameters that dequantize codes: scale × (code - zero point). An empty name means absent. */
interface WeightCoding {
  readonly scale: string;
  readonly zeroPoint: string;
  /** The DequantizeLinear between the codes and the operator; absent if the operator itself takes codes. */
  readonly dequantize?: Node;
}

/**
 * Smallest rank of a constant that counts as a weight; products with vectors and gathers from vectors are
 * bookkeeping.
 */
const MIN_RANK = 2;

/**
 * The layers of this graph with unquantized constant weights of this or an enclosing graph, in node order: read
 * directly, or through nodes that only move values. Constants that a caller may override do not count.
 */
export function* plainLayers(editor: GraphEditor): Generator<Layer> {
  for (const node of editor.graph.nodes) {
    for (const index of weightFact(node)?.weights ?? []) {
      const layer = plainLayer(editor, node, index);
      if (layer) yield layer;
    }
  }
}

/** The layers whose weights are integer codes. */
export function* codedLayers(editor: GraphEditor): Generator<Layer> {
  for (const node of editor.graph.nodes) {
    for (const index of weightFact(node)?.weights ?? []) {
      const layer = dequantizedLayer(editor, node, index) ?? decodedLayer(editor, node, index);
      if (layer) yield layer;
    }
    for (const input of codedInputs(node)) {
      const layer = integerLayer(editor, node, input);
      if (layer) yield layer;
    }
  }
}

/** The layer whose weight is input `index` of the node, in any form. */
export function layerAt(editor: GraphEditor, node: Node, index: number): Layer | undefined {
  const input = codedInputs(node).find(({ weight }) => weight === index);
  if (input) return integerLayer(editor, node, input);
  return (
    plainLayer(editor, node, index) ??
    dequantizedLayer(editor, node, index) ??
    decodedLayer(editor, node, index)
  );
}

/** The layer, if the weight is not codes. */
export function plainLayer(editor: GraphEditor, node: Node, index: number): Layer | undefined {
  const fact = factOf(node, index);
  const view = fact && weightView(editor, node.inputs[index] ?? "");
  return view && view.dims.length >= MIN_RANK ? asLayer(editor, node, index, view, fact) : undefined;
}

/** The layer, if its weight is read through a DequantizeLinear. */
function dequantizedLayer(editor: GraphEditor, node: Node, index: number): Layer | undefined {
  const fact = factOf(node, index);
  const found = fact && dequantization(editor, node.inputs[index] ?? "");
  const view = found && weightView(editor, found.codes);
  if (!view || view.dims.length < MIN_RANK) return undefined;
  const { node: dequantize, scale, zeroPoint } = found;
  const layer = asLayer(editor, node, index, view, fact);
  return { ...layer, path: [...view.path, dequantize], coding: { scale, zeroPoint, dequantize } };
}

/** Codes that are read as floats: by an embedding, or by a layer that computes in float. */
function decodedLayer(editor: GraphEditor, node: Node, index: number): Layer | undefined {
  const fact = factOf(node, index);
  const view = fact && decodedView(editor, node.inputs[index] ?? "");
  if (!view || view.dims.length < MIN_RANK) return undefined;
  const scale = view.path.find((each) => isOp(each, "Mul"))?.inputs[1] ?? "";
  return { ...asLayer(editor, node, index, view, fact), coding: { scale, zeroPoint: "" } };
}

function factOf(node: Node, index: number): WeightFact | undefined {
  const fact = weightFact(node);
  return fact?.weights.includes(index) === true ? fact : undefined;
}

function asLayer(
  editor: GraphEditor,
  node: Node,
  inputIndex: number,
  view: WeightView,
  fact: WeightFact,
): Layer {
  const { dims } = view;
  const isConvolution = fact.kind === "conv" || fact.kind === "conv-transpose";
  const groups = isConvolution ? intAttribute(node, "group", 1) : 1;
  // Conv weights are [out, in / groups, …], those of ConvTranspose [in, out / groups, …].
  const inputsPerGroup = fact.kind === "conv" ? (dims[1] ?? 1) : (dims[0] ?? 1) / groups;
  return {
    ...view,
    node,
    editor,
    inputIndex,
    groups,
    kind: fact.kind,
    channelAxis: fact.channelAxis(node, inputIndex, dims.length),
    depthwise: isConvolution && groups > 1 && inputsPerGroup === 1,
    biasIndex: fact.bias,
  };
}

/**
 * Inputs of operators on codes for a weight, its scale and its zero point; output channels are the weight's
 * last axis.
 */
interface CodedInput {
  readonly kind: WeightKind;
  readonly weight: number;
  readonly scale?: number;
  readonly zeroPoint: number;
}

const INTEGER_OPERATORS: Readonly<Record<string, readonly CodedInput[]>> = {
  MatMulInteger: [{ kind: "matmul", weight: 1, zeroPoint: 3 }],
};
/** onnxruntime's own. */
const CONTRIBUTED_OPERATORS: Readonly<Record<string, readonly CodedInput[]>> = {
  DynamicQuantizeMatMul: [{ kind: "matmul", weight: 1, scale: 2, zeroPoint: 3 }],
  DynamicQuantizeLSTM: [
    { kind: "recurrent", weight: 1, scale: 8, zeroPoint: 9 },
    { kind: "recurrent", weight: 2, scale: 10, zeroPoint: 11 },
  ],
};

function codedInputs(node: Node): readonly CodedInput[] {
  const facts =
    node.domain === "com.microsoft"
      ? CONTRIBUTED_OPERATORS
      : isOp(node, "MatMulInteger")
        ? INTEGER_OPERATORS
        : {};
  return Object.hasOwn(facts, node.opType) ? (facts[node.opType] ?? []) : [];
}

function integerLayer(
  editor: GraphEditor,
  node: Node,
  { kind, weight, scale, zeroPoint }: CodedInput,
): Layer | undefined {
  const view = weightView(editor, node.inputs[weight] ?? "");
  if (!view || view.dims.length < MIN_RANK || !BYTES.includes(view.dataType)) return undefined;
  const nameAt = (index: number | undefined): string =>
    index === undefined ? "" : (node.inputs[index] ?? "");
  return {
    ...view,
    node,
    editor,
    inputIndex: weight,
    kind,
    channelAxis: view.dims.length - 1,
    depthwise: false,
    groups: 1,
    biasIndex: undefined,
    coding: { scale: nameAt(scale), zeroPoint: nameAt(zeroPoint) },
  };
}

const BYTES: readonly DataType[] = [DataType.INT8, DataType.UINT8];
