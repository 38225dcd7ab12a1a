/**
 * Quantizes a fully connected layer dynamically, with the input's range computed at run time. Writes exactly
 * the chain that onnxruntime fuses into DynamicQuantizeMatMul, including the bias.
 *
 *   DynamicQuantizeLinear → MatMulInteger → Cast → Mul(input scale × weight scales) → Add(bias)
 *
 * The kernel needs the constant as the right factor. A constant on the left, W · x, becomes (xᵀ · Wᵀ)ᵀ: two
 * Transposes cost far less than int8 gains (2.2 times as fast as float with W of [384, 196] and x of [196,
 * 512]; 1.1 times with [128, 128] and [128, 16]; AVX-512 VNNI, one thread). Matrices of a batch have separate
 * scales; onnxruntime fuses that as well.
 */
import {
  attribute,
  DataType,
  floatTensor,
  type GraphEditor,
  intAttribute,
  isOp,
  makeNode,
  type Node,
} from "../../../ir/index.js";
import { type DynamicCodes, dynamicQuantizer, knownDynamicCodes } from "../../../layers/coding.js";
import { gemmFactors, scaledBias } from "../../../layers/gemm-factors.js";
import { channelView, type KernelWeight, kernelWeight } from "../../../layers/kernel-weight.js";
import type { SharedCodes, WeightRead } from "./shared-codes.js";
import { quantizeWeight, storedScales, type WeightOptions } from "./weight-codes.js";

/**
 * Replaces a MatMul or Gemm with a constant factor.
 * @param rank of the other factor; must be known if the constant is the left one
 */
export function quantizeDynamically(
  editor: GraphEditor,
  node: Node,
  options: WeightOptions,
  shared: SharedCodes,
  rank = 2,
): void {
  const weight = kernelWeight(editor, node)!;
  const {
    view: { tensor },
    kernel,
    isLeft,
  } = weight;
  const { codes, scales: own } = quantizeWeight(node, weight, options);
  const { alpha } = gemmFactors(node);
  const stem = editor.uniqueName("m");
  const name = (suffix: string): string => editor.uniqueName(`${stem}${suffix}`);
  const code = shared.place(editor, tensor, codes, kernel, `${stem}w`, takesKernel(weight));
  const stored = matrixScales(
    own.map((scale) => scale * alpha),
    weight,
    options,
  );
  const weightScale = shared.constant(editor, tensor, floatTensor(`${stem}ws`, stored.dims, stored.values));
  shared.describe(tensor, codes, {
    along: channelView(node, weight),
    name: alpha === 1 ? weightScale : undefined,
    values: storedScales(own, options).values,
  });
  const { codesName, scaleName, zeroName } = dynamicInput(editor, node, isLeft, rank, stem);
  const [sum, real, scale] = [name("i"), name("f"), name("k")] as const;
  const bias = scaledBias(editor, node, stem);
  const output = node.outputs[0]!;
  const outputRank = Math.max(rank, kernel.dims.length);
  const back = isLeft ? [bias ? name("t") : output] : [];
  const product = bias || isLeft ? name("p") : output;
  editor.replaceNode(
    node,
    makeNode("MatMulInteger", [codesName, code, zeroName], [sum], [], node.name),
    makeNode("Cast", [sum], [real], [attribute.int("to", DataType.FLOAT)]),
    makeNode("Mul", [scaleName, weightScale], [scale]),
    makeNode("Mul", [real, scale], [product]),
    ...back.map((transposed) =>
      makeNode("Transpose", [product], [transposed], [lastAxesSwapped(outputRank)]),
    ),
    ...(bias ? [...bias.nodes, makeNode("Add", [back[0] ?? product, bias.name], [output])] : []),
  );
}

/** Whether a layer's kernel uses the weight directly in this order. */
function takesKernel({ kernel }: KernelWeight): (read: WeightRead) => boolean {
  return ({ editor, node, index, name }) => {
    if (!isOp(node, "MatMul", "Gemm")) return false;
    const other = kernelWeight(editor, node);
    return (
      other?.kernel.dims.join() === kernel.dims.join() &&
      other.kernel.strides.join() === kernel.strides.join() &&
      node.inputs[other.isLeft ? 0 : 1] === name &&
      index === (other.isLeft ? 0 : 1)
    );
  };
}

/** [N], or [batch…, 1, N] for a batch of matrices, to broadcast to the product. */
function matrixScales(
  scales: Float32Array,
  { kernel: { dims } }: KernelWeight,
  options: WeightOptions,
): { dims: readonly number[]; values: Float32Array } {
  const stored = storedScales(scales, options);
  const batch = dims.slice(0, -2);
  return options.perTensor || batch.length === 0
    ? stored
    : { dims: [...batch, 1, dims.at(-1)!], values: stored.values };
}

function lastAxesSwapped(rank: number): ReturnType<typeof attribute.ints> {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return attribute.ints("perm", [...axes.slice(0, -2), rank - 1, rank - 2]);
}

/** Layers with the same input share one DynamicQuantizeLinear, and one Transpose before it. */
function dynamicInput(
  editor: GraphEditor,
  node: Node,
  isLeft: boolean,
  rank: number,
  stem: string,
): { codesName: string; scaleName: string; zeroName: string } {
  const isTurned = isOp(node, "Gemm")
    ? (intAttribute(node, isLeft ? "transB" : "transA", 0) === 0) === isLeft
    : isLeft;
  const given = node.inputs[isLeft ? 1 : 0]!;
  const input = isTurned ? turned(editor, node, given, rank, stem) : given;
  const known = knownDynamicCodes(editor, input, node);
  const fresh = (suffix: string): string => editor.uniqueName(`${stem}${suffix}`);
  const names: DynamicCodes = known ?? [fresh("x"), fresh("xs"), fresh("xz")];
  if (!known) editor.insertBefore(node, dynamicQuantizer(input, names));
  const [codesName, scaleName, zeroName] = names;
  return { codesName, scaleName, zeroName };
}

function turned(editor: GraphEditor, node: Node, input: string, rank: number, stem: string): string {
  const { nodes } = editor.graph;
  const swap = lastAxesSwapped(rank);
  const existing = editor
    .consumers(input)
    .find(
      (user) =>
        isOp(user, "Transpose") &&
        user.attributes[0]?.ints?.join() === swap.ints?.join() &&
        nodes.indexOf(user) < nodes.indexOf(node),
    );
  if (existing) return existing.outputs[0]!;
  const output = editor.uniqueName(`${stem}t`);
  editor.insertBefore(node, makeNode("Transpose", [input], [output], [swap]));
  return output;
}
