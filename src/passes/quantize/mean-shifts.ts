/** A copy of a model that measures in one run, on a batch, by how much the means of its outputs have shifted. */
import { attribute, copyModel, floatTensor, GraphEditor, int64Tensor, isOp, makeNode, type Model, type Node, nodeLabel, opsetVersion, type Tensor } from "../../ir/index.js";
import type { MomentsRequest } from "../../numeric/statistics.js";
import { biasSites, type BiasSite } from "./bias-sites.js";

/** From here on the axes of a mean are an input. */
const AXES_INPUT_OPSET = 18;

export interface ShiftModel {
  readonly model: Model;
  /** What to measure, by the output of the site: the mean per channel is what must be added to it. */
  readonly requests: ReadonlyMap<string, MomentsRequest>;
}

/**
 *   y  →  y + (target − mean(y))        for every site, so that what lies behind it sees the corrected values
 *
 * @param targets means per channel by the site's output, which sites without one are left without
 */
export function modelOfShifts(model: Model, targets: ReadonlyMap<string, Float64Array>): ShiftModel {
  const copy = copyModel(model);
  const editor = GraphEditor.forMainGraph(copy);
  const requests = new Map<string, MomentsRequest>();
  for (const site of biasSites(editor)) {
    const target = targets.get(site.output);
    if (target?.length === site.channels) requests.set(site.output, addCorrection(editor, site, target, opsetVersion(copy)));
  }
  return { model: copy, requests };
}

function addCorrection(editor: GraphEditor, site: BiasSite, target: Float64Array, opset: number): MomentsRequest {
  const { node, output, channels } = site;
  const [mean, shift, corrected, goal] = ["mean", "shift", "corrected", "target"].map((suffix) => editor.uniqueName(`${nodeLabel(node)}_${suffix}`)) as [string, string, string, string];
  const isConvolution = isOp(node, "Conv");
  const rank = isConvolution ? editor.constant(weightName(editor, node))!.dims.length : 1;
  const dims = isConvolution ? [1, channels, ...new Array<number>(rank - 2).fill(1)] : [channels];
  editor.addInitializer(floatTensor(goal, dims, Float32Array.from(target)));
  const users = new Set([node]);
  const means = isConvolution ? [reduceMean(editor, output, mean, [0, ...Array.from({ length: rank - 2 }, (_, k) => k + 2)], true, opset)] : rowMeans(editor, output, mean, channels, opset);
  const added = [...means, makeNode("Sub", [goal, mean], [shift]), makeNode("Add", [output, shift], [corrected])];
  editor.insertAfter(node, ...added);
  added.forEach((node) => users.add(node));
  editor.replaceUses(output, corrected, users);
  return { kind: "moments", tensor: shift, axis: isConvolution ? 1 : 0 };
}

function weightName(editor: GraphEditor, node: Node): string {
  const name = node.inputs[1] ?? "";
  const producer = editor.producer(name);
  return isOp(producer, "DequantizeLinear") ? producer.inputs[0] ?? "" : name;
}

/** Means over all axes but the last, whatever the rank. */
function rowMeans(editor: GraphEditor, input: string, output: string, channels: number, opset: number): Node[] {
  const rows = editor.uniqueName(`${output}_rows`);
  const shape = constant(editor, int64Tensor(editor.uniqueName(`${output}_shape`), [-1, channels]));
  return [makeNode("Reshape", [input, shape], [rows]), reduceMean(editor, rows, output, [0], false, opset)];
}

function reduceMean(editor: GraphEditor, input: string, output: string, axes: readonly number[], keepDims: boolean, opset: number): Node {
  const keep = attribute.int("keepdims", keepDims ? 1 : 0);
  if (opset < AXES_INPUT_OPSET) return makeNode("ReduceMean", [input], [output], [attribute.ints("axes", axes), keep]);
  return makeNode("ReduceMean", [input, constant(editor, int64Tensor(editor.uniqueName(`${output}_axes`), [...axes]))], [output], [keep]);
}

function constant(editor: GraphEditor, tensor: Tensor): string {
  return editor.addInitializer(tensor);
}
