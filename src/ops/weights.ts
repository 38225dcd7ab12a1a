/** Which inputs of an operator are weights and bias, and along which axis their output channels lie. */
import type { GraphEditor, Node, Tensor } from "../ir/index.js";
import { intAttribute, isStandard } from "../ir/index.js";
import { type WeightView, weightView } from "./weight-view.js";

export type WeightKind = "conv" | "conv-transpose" | "matmul" | "gemm" | "recurrent" | "embedding";

export interface WeightFact {
  readonly kind: WeightKind;
  /** Inputs that may hold a weight. */
  readonly weights: readonly number[];
  /** The input with one value per output channel that is added last. */
  readonly bias: number | undefined;
  /** Axis of the weight at input `index` whose slices make different outputs. */
  channelAxis(node: Node, index: number, rank: number): number;
}

/**
 * Recurrent weights are [directions, gates × hidden, input]; within a direction, rows make different outputs.
 * The bias of MatMul is an Add behind it.
 */
export const WEIGHT_FACTS: Readonly<Record<string, WeightFact>> = {
  Conv: { kind: "conv", weights: [1], bias: 2, channelAxis: () => 0 },
  ConvTranspose: { kind: "conv-transpose", weights: [1], bias: 2, channelAxis: () => 1 },
  MatMul: { kind: "matmul", weights: [1, 0], bias: undefined, channelAxis: (_node, index, rank) => (index === 1 ? rank - 1 : Math.max(rank - 2, 0)) },
  Gemm: { kind: "gemm", weights: [1, 0], bias: 2, channelAxis: gemmAxis },
  LSTM: { kind: "recurrent", weights: [1, 2], bias: 3, channelAxis: () => 1 },
  GRU: { kind: "recurrent", weights: [1, 2], bias: 3, channelAxis: () => 1 },
  RNN: { kind: "recurrent", weights: [1, 2], bias: 3, channelAxis: () => 1 },
  Gather: { kind: "embedding", weights: [0], bias: undefined, channelAxis: (node, _index, rank) => normalAxis(intAttribute(node, "axis", 0), rank) },
};

/**
 * Those of com.microsoft, which onnxruntime's own optimizer writes. The projections of an attention and what is fused
 * with an activation take the bias before anything else happens, as Gemm does.
 */
const CONTRIBUTED_FACTS: Readonly<Record<string, WeightFact>> = {
  FusedConv: WEIGHT_FACTS.Conv!,
  ConvTransposeWithDynamicPads: { ...WEIGHT_FACTS.ConvTranspose!, bias: 3 },
  FusedMatMul: { kind: "matmul", weights: [1, 0], bias: undefined, channelAxis: fusedMatMulAxis },
  TransposeMatMul: { kind: "matmul", weights: [1, 0], bias: undefined, channelAxis: fusedMatMulAxis },
  FusedGemm: WEIGHT_FACTS.Gemm!,
  GemmFastGelu: { kind: "gemm", weights: [1], bias: 2, channelAxis: lastAxis },
  Attention: { kind: "gemm", weights: [1], bias: 2, channelAxis: lastAxis },
  PackedAttention: { kind: "gemm", weights: [1], bias: 2, channelAxis: lastAxis },
  LongformerAttention: { kind: "gemm", weights: [1, 4], bias: undefined, channelAxis: lastAxis },
  DecoderAttention: { kind: "gemm", weights: [2, 3], bias: undefined, channelAxis: lastAxis },
  EmbedLayerNormalization: { kind: "embedding", weights: [2, 3, 4], bias: undefined, channelAxis: () => 0 },
};

function lastAxis(_node: Node, _index: number, rank: number): number {
  return rank - 1;
}

function fusedMatMulAxis(node: Node, index: number, rank: number): number {
  const transposed = intAttribute(node, index === 1 ? "transB" : "transA", 0) !== 0;
  return (index === 1) !== transposed ? rank - 1 : Math.max(rank - 2, 0);
}

function gemmAxis(node: Node, index: number): number {
  const transposed = intAttribute(node, index === 1 ? "transB" : "transA", 0) !== 0;
  return (index === 1) !== transposed ? 1 : 0;
}

/** A negative axis counted from the front. */
export function normalAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** What is known about the node's weights, or undefined when the operator has none. */
export function weightFact(node: Node): WeightFact | undefined {
  const facts = isStandard(node) ? WEIGHT_FACTS : node.domain === "com.microsoft" ? CONTRIBUTED_FACTS : {};
  if (!Object.hasOwn(facts, node.opType)) return undefined;
  // With batch axes in other places the matrices of a product lie across its operand.
  if (intAttribute(node, "transBatchA", 0) !== 0 || intAttribute(node, "transBatchB", 0) !== 0) return undefined;
  return facts[node.opType];
}

/** The constant, and how the operator sees it: through nodes that move its values, if there are any. */
export interface WeightSite extends WeightView {
  readonly node: Node;
  readonly inputIndex: number;
  readonly tensor: Tensor;
  readonly kind: WeightKind;
  /**
   * Axis of what the operator sees along which output channels lie; of a transposed convolution with groups, the
   * channels of one group.
   */
  readonly channelAxis: number;
  /** Every output channel reads one input channel alone. */
  readonly depthwise: boolean;
  readonly groups: number;
  /** Input index of the bias, when the operator takes one. */
  readonly biasIndex: number | undefined;
}

/** Smallest rank at which a constant is a weight: a vector times a matrix or a gather from a vector is bookkeeping. */
const MIN_RANK = 2;

/**
 * The weights of this graph's nodes that are constants of it or of a graph around it, in node order, directly or
 * through nodes that only move values. Constants that a caller may override are none.
 */
export function* weightSites(editor: GraphEditor): Generator<WeightSite> {
  for (const node of editor.graph.nodes) {
    const fact = weightFact(node);
    if (!fact) continue;
    for (const inputIndex of fact.weights) {
      const view = weightView(editor, node.inputs[inputIndex] ?? "");
      if (view && view.dims.length >= MIN_RANK) yield siteOf(node, inputIndex, view, fact);
    }
  }
}

/** The site of a weight that the operator sees as `view`. */
export function siteOf(node: Node, inputIndex: number, view: WeightView, fact: WeightFact): WeightSite {
  const { dims } = view;
  const isConvolution = fact.kind === "conv" || fact.kind === "conv-transpose";
  const groups = isConvolution ? intAttribute(node, "group", 1) : 1;
  // Conv weights are [out, in / groups, …], those of ConvTranspose [in, out / groups, …].
  const inputsPerGroup = fact.kind === "conv" ? dims[1] ?? 1 : (dims[0] ?? 1) / groups;
  return {
    ...view, node, inputIndex, groups,
    kind: fact.kind,
    channelAxis: fact.channelAxis(node, inputIndex, dims.length),
    depthwise: isConvolution && groups > 1 && inputsPerGroup === 1,
    biasIndex: fact.bias,
  };
}
