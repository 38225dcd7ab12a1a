/**
 * Folds a BatchNormalization, or a Mul, Add, Sub or Div by a constant for each channel, into the weights and bias of the
 * Conv, ConvTranspose or Gemm before it: w' = w · s, b' = b · s + t for every output channel (Jacob et al. 2018, eq. 14).
 *
 * Before: Conv → BatchNormalization → Relu. After: Conv → Relu. Computed in float64 and rounded once, so outputs differ
 * from before by rounding. Takes float32 layers with constant weights whose output nothing else uses, at inference.
 * A chain (Conv → Mul → Add) goes step by step. Left alone: layers whose new weights would not be finite.
 */
import { DataType, floatAttribute, floatTensor, GraphEditor, intAttribute, isOp, nodeLabel, removeAttribute, toFloat32 } from "../../ir/index.js";
import type { Node, Tensor } from "../../ir/index.js";
import { WEIGHT_FACTS } from "../../ops/weights.js";
import { definePass } from "../define-pass.js";
import { channelAffine } from "./channel-affine.js";
import { exactResult } from "./result.js";

interface Layer { readonly node: Node; readonly weight: Tensor; readonly channels: number; readonly rank: number; readonly bias: Float64Array }

export const foldBatchNormalization = definePass<Record<string, never>>({
  name: "fold-batch-normalization",
  description: "folds per-channel scales and shifts into the layer before them",
  lossy: false,
  defaults: {},
  run(model) {
    let folded = 0;
    for (const editor of GraphEditor.forModel(model).reverse()) {
      for (const node of [...editor.graph.nodes]) if (isOp(node, "Conv", "ConvTranspose", "Gemm")) while (foldNext(node, editor)) folded++;
    }
    return exactResult({ nodesFolded: folded });
  },
});

/** Folds the step right behind the layer. */
function foldNext(node: Node, editor: GraphEditor): boolean {
  const value = node.outputs[0] ?? "";
  const next = editor.soleConsumer(value);
  const layer = next && layerOf(node, editor);
  const affine = layer && channelAffine(next, value, layer.channels, layer.rank, editor);
  if (!affine) return false;
  const weight = scaledWeight(layer, affine.scale);
  const bias = Float32Array.from(layer.bias, (b, c) => b * (affine.scale[c] ?? 1) + (affine.shift[c] ?? 0));
  if (!weight.every(Number.isFinite) || !bias.every(Number.isFinite)) return false;
  replaceConstant(editor, node, 1, floatTensor(layer.weight.name ?? "weight", layer.weight.dims, weight));
  const oldBias = node.inputs[2] ?? "";
  replaceConstant(editor, node, 2, floatTensor(oldBias === "" ? `${nodeLabel(node)}_bias` : oldBias, [layer.channels], bias));
  if (isOp(node, "Gemm")) removeAttribute(node, "beta");
  const output = next.outputs[0] ?? "";
  const operands = next.inputs;
  editor.removeNodes(next);
  editor.setOutput(node, 0, output);
  editor.graph.valueInfo = editor.graph.valueInfo.filter((declared) => declared.name !== value);
  dropUnused(editor, operands);
  return true;
}

function layerOf(node: Node, editor: GraphEditor): Layer | undefined {
  const weight = editor.constant(node.inputs[1] ?? "");
  if (weight?.dataType !== DataType.FLOAT || weight.dims.length < 2) return undefined;
  const axis = WEIGHT_FACTS[node.opType]?.channelAxis(node, 1, weight.dims.length) ?? 0;
  const channels = (weight.dims[axis] ?? 0) * (isOp(node, "ConvTranspose") ? intAttribute(node, "group", 1) : 1);
  const bias = biasOf(node, channels, editor);
  return bias && { node, weight, channels, rank: weight.dims.length, bias };
}

/** The bias in float64, zeros when there is none; undefined when it is no constant or no value for each channel. */
function biasOf(node: Node, channels: number, editor: GraphEditor): Float64Array | undefined {
  const name = node.inputs[2] ?? "";
  if (name === "") return new Float64Array(channels);
  const tensor = editor.constant(name);
  if (tensor?.dataType !== DataType.FLOAT || tensor.dims.slice(0, -1).some((dim) => dim !== 1)) return undefined;
  const values = toFloat32(tensor);
  if (values.length !== channels && values.length !== 1) return undefined;
  const factor = isOp(node, "Gemm") ? floatAttribute(node, "beta", 1) : 1;
  return Float64Array.from({ length: channels }, (_, c) => factor * (values[values.length === 1 ? 0 : c] ?? 0));
}

/** Weights with every output channel multiplied by its scale. */
function scaledWeight({ node, weight, channels }: Layer, scale: Float64Array): Float32Array {
  const values = toFloat32(weight);
  const channelAt = channelIndex(node, weight.dims, channels);
  return values.map((value, index) => value * (scale[channelAt(index)] ?? 1));
}

/** The output channel to which the element at a row-major index belongs. */
function channelIndex(node: Node, dims: readonly number[], channels: number): (index: number) => number {
  const [d0 = 1, d1 = 1] = dims;
  const inner = dims.slice(2).reduce((product, dim) => product * dim, 1);
  if (isOp(node, "Conv")) return (index) => Math.floor(index / (d1 * inner));
  if (isOp(node, "Gemm")) return intAttribute(node, "transB", 0) !== 0 ? (index) => Math.floor(index / d1) : (index) => index % d1;
  // [in, out / groups, …]: input channel i belongs to group i / (in / groups), and each group has outputs of its own.
  const inputsPerGroup = d0 / (channels / d1);
  return (index) => Math.floor(Math.floor(index / (d1 * inner)) / inputsPerGroup) * d1 + (Math.floor(index / inner) % d1);
}

/** Gives the node a constant of its own; the old one goes when nothing else uses it. */
function replaceConstant(editor: GraphEditor, node: Node, index: number, tensor: Tensor): void {
  const old = node.inputs[index] ?? "";
  editor.setInput(node, index, "");
  dropUnused(editor, [old]);
  editor.setInput(node, index, editor.addInitializer({ ...tensor, name: editor.uniqueName(tensor.name ?? "constant") }));
}

function dropUnused(editor: GraphEditor, names: readonly string[]): void {
  const unused = names.filter((name) => name !== "" && editor.consumers(name).length === 0 && !editor.isOutput(name) && !editor.input(name) && isOwn(editor, name));
  if (unused.length > 0) editor.removeInitializers(new Set(unused));
}

function isOwn(editor: GraphEditor, name: string): boolean {
  return editor.graph.initializers.some((tensor) => tensor.name === name);
}
