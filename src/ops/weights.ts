/** Describes which inputs of an operator are weights and bias, and the axis of their output channels. */
import type { Node } from "../ir/index.js";
import { intAttribute, isStandard } from "../ir/index.js";

export type WeightKind = "conv" | "conv-transpose" | "matmul" | "gemm" | "recurrent" | "embedding";

export interface WeightFact {
  readonly kind: WeightKind;
  /** Inputs that may hold a weight. */
  readonly weights: readonly number[];
  /** The input with one value per output channel that is added at the end. */
  readonly bias: number | undefined;
  /** Axis of the output channels of the weight at input `index`. */
  channelAxis(node: Node, index: number, rank: number): number;
}

/**
 * Recurrent weights are [directions, gates × hidden, input]; within a direction, each row is an output channel.
 * The bias of MatMul is an Add after it.
 */
const WEIGHT_FACTS: Readonly<Record<string, WeightFact>> = {
  Conv: { kind: "conv", weights: [1], bias: 2, channelAxis: () => 0 },
  ConvTranspose: { kind: "conv-transpose", weights: [1], bias: 2, channelAxis: () => 1 },
  MatMul: {
    kind: "matmul",
    weights: [1, 0],
    bias: undefined,
    channelAxis: (_node, index, rank) => (index === 1 ? rank - 1 : Math.max(rank - 2, 0)),
  },
  Gemm: { kind: "gemm", weights: [1, 0], bias: 2, channelAxis: gemmAxis },
  LSTM: { kind: "recurrent", weights: [1, 2], bias: 3, channelAxis: () => 1 },
  GRU: { kind: "recurrent", weights: [1, 2], bias: 3, channelAxis: () => 1 },
  RNN: { kind: "recurrent", weights: [1, 2], bias: 3, channelAxis: () => 1 },
  Gather: {
    kind: "embedding",
    weights: [0],
    bias: undefined,
    channelAxis: (node, _index, rank) => normalAxis(intAttribute(node, "axis", 0), rank),
  },
};

/**
 * Operators of com.microsoft, which onnxruntime's own optimizer writes. Attention projections and layers fused
 * with an activation add the bias directly to the product, as Gemm does.
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

/** The description of the node's weights, or undefined if the operator has none. */
export function weightFact(node: Node): WeightFact | undefined {
  const facts = isStandard(node) ? WEIGHT_FACTS : node.domain === "com.microsoft" ? CONTRIBUTED_FACTS : {};
  if (!Object.hasOwn(facts, node.opType)) return undefined;
  // With batch axes in other positions, the matrices of a product are not contiguous in the operand.
  if (intAttribute(node, "transBatchA", 0) !== 0 || intAttribute(node, "transBatchB", 0) !== 0)
    return undefined;
  return facts[node.opType];
}
