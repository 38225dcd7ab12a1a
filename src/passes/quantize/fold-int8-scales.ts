/**
 * fold-int8-scales: folds a scale and shift for each channel behind an int8 convolution into the scales of its codes
 * and its bias. The codes stay as they are, so layers that share a weight go on sharing it.
 *
 *   Conv(DQ(W, s), DQ(b)) → Q → DQ → BatchNormalization → Relu → Q   →   Conv(DQ(W, s · γ'), DQ(b')) → Q
 *
 * Folding in float would give each layer a weight of its own, which fold-batch-normalization therefore leaves alone
 * where that makes the model larger; here there is nothing to copy. The rounding to codes between convolution and step
 * goes as well, so results come nearer to those in float.
 *
 * Takes BatchNormalization, Mul, Add, Sub and Div by constants whose scales are all positive, with or without a Relu
 * behind, when nothing else uses what lies between and the result goes into one QuantizeLinear. Left alone: biases that
 * int32 codes of the new scales cannot hold, scales that differ where the weight has a single one, and a Relu that
 * codes do not cut off in its place.
 */
import { DataType, GraphEditor, isOp, type Model, type Node, nodeLabel, toNumbers } from "../../ir/index.js";
import type { NodeStatus } from "../contract.js";
import { definePass } from "../define-pass.js";
import { channelAffine, type ChannelAffine, type ChannelLayout, isAffineStep } from "../graph/channel-affine.js";
import { codesOf, foldedScales, setConstants } from "./convolution-scales.js";

export const foldInt8Scales = definePass<Record<string, never>>({
  name: "fold-int8-scales",
  description: "Fold scales and shifts behind int8 convolutions into the scales of their codes; after quantize-int8",
  lossy: true,
  defaults: {},
  run(model: Model) {
    const nodes: NodeStatus[] = [];
    for (const editor of GraphEditor.forModel(model)) {
      for (const conv of editor.graph.nodes.filter((node) => isOp(node, "Conv"))) {
        for (const { opType, label } of foldBehind(conv, editor))
          nodes.push({
            name: label,
            opType,
            status: "changed",
            reason: "goes into the scales of int8 codes and the bias",
          });
      }
    }
    return { modified: nodes.length > 0, stats: { stepsFolded: nodes.length }, nodes, diagnostics: [] };
  },
});

/**
 * Folds all steps behind the convolution's own Q/DQ pair, or none: with one left, its kernel would run in float.
 * Returns them.
 */
function foldBehind(conv: Node, editor: GraphEditor): { readonly opType: string; readonly label: string }[] {
  const pair = pairBehind(conv, editor);
  const weight = codesOf(conv.inputs[1], editor);
  if (!pair || !weight) return [];
  const rank = weight.codes.dims.length;
  const found = stepsFrom(
    pair[1].outputs[0] ?? "",
    { channels: weight.codes.dims[0] ?? 0, rank, fromEnd: 1 - rank },
    editor,
  );
  const folded = found && isCoded(found.output, editor) ? foldedScales(conv, weight, found.affine, editor) : undefined;
  if (!found || !folded) return [];
  const told = found.steps.map((node) => ({ opType: node.opType, label: nodeLabel(node) }));
  setConstants(conv, weight, folded, editor);
  editor.removeNodes(...pair, ...found.steps);
  editor.setOutput(conv, 0, found.output);
  dropClamp(conv, editor);
  return told;
}

interface Steps {
  readonly steps: readonly Node[];
  readonly affine: ChannelAffine;
  readonly output: string;
}

/** The steps in a row that begin at the value, as one; undefined where there is none. */
function stepsFrom(value: string, layout: ChannelLayout, editor: GraphEditor): Steps | undefined {
  const steps: Node[] = [];
  let affine: ChannelAffine = {
    scale: new Float64Array(layout.channels).fill(1),
    shift: new Float64Array(layout.channels),
  };
  let output = value;
  for (let step = editor.soleConsumer(output); isAffineStep(step); step = editor.soleConsumer(output)) {
    const next = channelAffine(step, output, layout, editor);
    if (!next) break;
    const { scale, shift } = affine;
    affine = {
      scale: scale.map((s, c) => s * next.scale[c]!),
      shift: shift.map((t, c) => t * next.scale[c]! + next.shift[c]!),
    };
    steps.push(step);
    output = step.outputs[0] ?? "";
  }
  return steps.length > 0 ? { steps, affine, output } : undefined;
}

/** The Q and DQ through which alone the convolution's output goes on. */
function pairBehind(conv: Node, editor: GraphEditor): readonly [Node, Node] | undefined {
  const quantize = editor.soleConsumer(conv.outputs[0] ?? "");
  const dequantize = isOp(quantize, "QuantizeLinear") ? editor.soleConsumer(quantize.outputs[0] ?? "") : undefined;
  return isOp(quantize, "QuantizeLinear") && isOp(dequantize, "DequantizeLinear") ? [quantize, dequantize] : undefined;
}

/** Whether codes are made of the value, at once or behind a Relu for which they stand. */
function isCoded(value: string, editor: GraphEditor): boolean {
  const next = editor.soleConsumer(value);
  return isOp(next, "Relu")
    ? startsAtZero(editor.soleConsumer(next.outputs[0] ?? ""), editor)
    : isOp(next, "QuantizeLinear");
}

function startsAtZero(quantize: Node | undefined, editor: GraphEditor): boolean {
  const zero = isOp(quantize, "QuantizeLinear") ? editor.constant(quantize.inputs[2] ?? "") : undefined;
  return zero?.dataType === DataType.UINT8 && toNumbers(zero).every((code) => code === 0);
}

/** Takes out a Relu behind which codes begin at zero: they cut off what it would. */
function dropClamp(conv: Node, editor: GraphEditor): void {
  const relu = editor.soleConsumer(conv.outputs[0] ?? "");
  if (!isOp(relu, "Relu")) return;
  const quantize = editor.soleConsumer(relu.outputs[0] ?? "");
  if (!isOp(quantize, "QuantizeLinear")) return;
  // The name of what the convolution makes goes on to mean the same: what other models have under it is compared with
  // it.
  editor.setInput(quantize, 0, conv.outputs[0] ?? "");
  editor.removeNodes(relu);
}
