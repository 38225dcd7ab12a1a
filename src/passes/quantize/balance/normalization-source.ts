/** Normalizations whose scale and bias can absorb per-channel factors of their output. */
import {
  DataType,
  elementCount,
  floatTensor,
  type GraphEditor,
  isOp,
  type Node,
  type Tensor,
  toFloat32,
} from "../../../ir/index.js";
import { channelAffine } from "../../graph/channel-affine.js";
import type { Rewrite } from "../../graph/fuse/rewrite.js";
import type { ChannelSource } from "../../../layers/channel-regions.js";

/** A constant vector that a node multiplies or adds. */
interface AffineInput {
  readonly node: Node;
  readonly index: number;
}

export interface NormalizationSource extends ChannelSource {
  /** The node that produces the output. */
  readonly node: Node;
  readonly vectors: readonly AffineInput[];
}

/** Inputs of onnxruntime's own operators that take scale and bias. */
const CONTRIBUTED: Readonly<Record<string, readonly number[]>> = {
  SkipLayerNormalization: [2, 3],
  SkipSimplifiedLayerNormalization: [2],
};

/**
 * The normalization that produces the value: one operator, or a Mul (and Add) by constant vectors at the end of
 * a composed one.
 */
export function normalizationSource(value: string, editor: GraphEditor): NormalizationSource | undefined {
  const node = editor.producer(value);
  if (node?.outputs[0] !== value) return undefined;
  return fusedSource(node, value, editor) ?? writtenOut(node, value, editor);
}

function fusedSource(node: Node, output: string, editor: GraphEditor): NormalizationSource | undefined {
  const isStandard = isOp(node, "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization");
  const contributed =
    node.domain === "com.microsoft" && Object.hasOwn(CONTRIBUTED, node.opType)
      ? CONTRIBUTED[node.opType]
      : undefined;
  if (!isStandard && !contributed) return undefined;
  const inputs = contributed ?? (isOp(node, "LayerNormalization") ? [1, 2] : [1]);
  return sourceOf(
    node,
    output,
    inputs.filter((index) => node.inputs[index]).map((index) => ({ node, index })),
    editor,
  );
}

/** x · γ, or x · γ + β. */
function writtenOut(node: Node, output: string, editor: GraphEditor): NormalizationSource | undefined {
  const last = vectorOf(node, editor);
  const next = editor.soleConsumer(output);
  // If an Add follows the Mul, the normalization ends with the Add.
  if (isOp(node, "Mul") && isOp(next, "Add") && vectorOf(next, editor)) return undefined;
  if (last && isOp(node, "Mul")) return sourceOf(node, output, [last], editor);
  const before = last && isOp(node, "Add") ? (node.inputs[1 - last.index] ?? "") : "";
  const scale = editor.producer(before);
  const inner =
    isOp(scale, "Mul") && editor.soleConsumer(before) === node ? vectorOf(scale, editor) : undefined;
  return last && inner && sourceOf(node, output, [inner, last], editor);
}

/** The operand of a Mul or Add that is a constant vector for the last axis. */
function vectorOf(node: Node, editor: GraphEditor): AffineInput | undefined {
  if (!isOp(node, "Mul", "Add") || node.inputs.length !== 2) return undefined;
  const index = [0, 1].find((k) => isVector(editor.constant(node.inputs[k] ?? "")));
  if (index === undefined) return undefined;
  const channels = elementCount(editor.constant(node.inputs[index]!)!);
  const affine = channelAffine(
    node,
    node.inputs[1 - index] ?? "",
    { channels, rank: 1, fromEnd: -1 },
    editor,
  );
  return affine && { node, index };
}

function isVector(tensor: Tensor | undefined): tensor is Tensor {
  return tensor?.dataType === DataType.FLOAT && tensor.dims.length === 1 && tensor.dims[0]! > 1;
}

function sourceOf(
  node: Node,
  output: string,
  vectors: readonly AffineInput[],
  editor: GraphEditor,
): NormalizationSource | undefined {
  const tensors = vectors.map((vector) => editor.constant(vector.node.inputs[vector.index] ?? ""));
  const [scale] = tensors;
  if (
    !isVector(scale) ||
    tensors.some(
      (tensor) =>
        !isVector(tensor) || tensor.dims[0] !== scale.dims[0] || !toFloat32(tensor).every(Number.isFinite),
    )
  )
    return undefined;
  return {
    node,
    output,
    channels: scale.dims[0]!,
    place: { axis: -1, rank: undefined, flattened: false },
    vectors,
  };
}

/**
 * Divides the output of the normalization by the factors. It gets its own constants, because they may be
 * shared.
 */
export function divideOutput(
  { vectors }: NormalizationSource,
  factors: Float64Array,
  rewrite: Rewrite,
): void {
  for (const { node, index } of vectors) {
    const tensor = rewrite.editor.constant(node.inputs[index] ?? "")!;
    rewrite.setConstant(
      node,
      index,
      floatTensor(
        tensor.name ?? "scale",
        tensor.dims,
        toFloat32(tensor).map((value, c) => value / factors[c]!),
      ),
    );
  }
}
