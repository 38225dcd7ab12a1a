/**
 * fold-batch-normalization: folds an inference BatchNormalization, or a multiplication or addition by a constant per
 * channel, into the convolution before it.
 *
 *   BN(Conv(x, W) + b) = Conv(x, a·W) + a·(b − mean) + β,   a = γ / √(var + ε)
 *
 * Handles Conv and ConvTranspose (any groups) whose output only the folded node uses, float32 constants, in every
 * scope. Training-mode BatchNormalization stays. Computed in double precision, so results differ only by the rounding
 * of the new weights.
 */
import { DataType, floatAttribute, floatTensor, GraphEditor, intAttribute, isOp, type Node, type Tensor, toFloat32 } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

/** y = scale·x + shift, per output channel. */
interface ChannelAffine { readonly scale: Float64Array; readonly shift: Float64Array }

export const foldBatchNormalization = definePass({
  name: "fold-batch-normalization",
  description: "Fold BatchNormalization and per-channel Mul and Add into the convolution before them",
  lossy: false,
  defaults: {},
  run: (model) => {
    let folded = 0;
    for (const editor of GraphEditor.forModel(model)) {
      for (const node of [...editor.graph.nodes]) while (isOp(node, "Conv", "ConvTranspose") && foldNext(editor, node)) folded++;
    }
    return exactResult({ folded });
  },
});

function foldNext(editor: GraphEditor, convolution: Node): boolean {
  const weight = editor.constant(convolution.inputs[1] ?? "");
  const output = convolution.outputs[0] ?? "";
  const next = editor.soleConsumer(output);
  if (!next || weight?.dataType !== DataType.FLOAT || weight.dims.length < 3) return false;
  const transposed = isOp(convolution, "ConvTranspose");
  const groups = intAttribute(convolution, "group", 1);
  const channels = transposed ? weight.dims[1]! * groups : weight.dims[0]!;
  const biasName = convolution.inputs[2] ?? "";
  const bias = biasName === "" ? undefined : editor.constant(biasName);
  if (biasName !== "" && (bias?.dataType !== DataType.FLOAT || bias.dims[0] !== channels)) return false;
  const affine = channelAffine(editor, next, output, channels, weight.dims.length);
  if (!affine) return false;
  const oldBias = bias ? toFloat32(bias) : new Float32Array(channels);
  const newBias = Float32Array.from(affine.shift, (shift, c) => shift + affine.scale[c]! * oldBias[c]!);
  const newWeight = scaledWeight(weight, affine.scale, transposed, groups);
  if (!newWeight.every(Number.isFinite) || !newBias.every(Number.isFinite)) return false;
  editor.setInput(convolution, 1, editor.addInitializer(floatTensor(editor.uniqueName(`${weight.name ?? ""}_folded`), weight.dims, newWeight)));
  editor.setInput(convolution, 2, editor.addInitializer(floatTensor(editor.uniqueName(`${biasName || (weight.name ?? "")}_bias`), [channels], newBias)));
  const result = next.outputs[0]!;
  editor.removeNodes(next);
  editor.setOutput(convolution, 0, result);
  return true;
}

function channelAffine(editor: GraphEditor, node: Node, input: string, channels: number, rank: number): ChannelAffine | undefined {
  if (isOp(node, "BatchNormalization") && node.inputs[0] === input) return batchNormalizationAffine(editor, node, channels);
  if (!isOp(node, "Mul", "Add") || node.inputs.length !== 2) return undefined;
  const constant = perChannel(editor.constant(node.inputs[node.inputs[0] === input ? 1 : 0]!), channels, rank);
  if (!constant) return undefined;
  return isOp(node, "Mul")
    ? { scale: constant, shift: new Float64Array(channels) }
    : { scale: new Float64Array(channels).fill(1), shift: constant };
}

function batchNormalizationAffine(editor: GraphEditor, node: Node, channels: number): ChannelAffine | undefined {
  if (intAttribute(node, "training_mode", 0) !== 0 || node.outputs.filter((output) => output !== "").length > 1) return undefined;
  const parts = node.inputs.slice(1, 5).map((name) => editor.constant(name));
  if (parts.length !== 4 || parts.some((part) => part?.dataType !== DataType.FLOAT || part.dims.length !== 1 || part.dims[0] !== channels)) return undefined;
  const [gamma, beta, mean, variance] = parts.map((part) => toFloat32(part!)) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt(variance[c]! + epsilon));
  return { scale, shift: Float64Array.from(beta, (b, c) => b - mean[c]! * scale[c]!) };
}

/** A constant that broadcasts as one value, or as one value per channel on axis 1 of an activation of `rank`. */
function perChannel(constant: Tensor | undefined, channels: number, rank: number): Float64Array | undefined {
  if (constant?.dataType !== DataType.FLOAT || constant.dims.length > rank) return undefined;
  const values = toFloat32(constant);
  if (values.length === 1) return new Float64Array(channels).fill(values[0]!);
  const padded = [...Array<number>(rank - constant.dims.length).fill(1), ...constant.dims];
  return padded.every((dim, axis) => dim === (axis === 1 ? channels : 1)) ? Float64Array.from(values) : undefined;
}

/** Conv weights are [O, C/groups, ...kernel]; ConvTranspose weights [C, O/groups, ...kernel], groups along C. */
function scaledWeight(weight: Tensor, scale: Float64Array, transposed: boolean, groups: number): Float32Array {
  const values = toFloat32(weight);
  const [first = 1, second = 1] = weight.dims;
  const kernel = values.length / (first * second);
  return values.map((value, k) => {
    const row = Math.floor(k / (second * kernel));
    const channel = transposed ? Math.floor(row / (first / groups)) * second + (Math.floor(k / kernel) % second) : row;
    return value * scale[channel]!;
  });
}
