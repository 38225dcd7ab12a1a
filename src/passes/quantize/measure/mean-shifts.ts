/** Builds copies of models that measure, in one run on a batch, the means of outputs and their shifts. */
import {
  attribute,
  copyModel,
  floatTensor,
  GraphEditor,
  int64Tensor,
  isOp,
  makeNode,
  type Model,
  type Node,
  nodeLabel,
  opsetVersion,
} from "../../../ir/index.js";
import type { MomentsRequest } from "../../../numeric/statistics.js";
import { biasSites, type BiasSite } from "../../../layers/bias-sites.js";

/** First operator set in which the axes of ReduceMean are an input. */
const AXES_INPUT_OPSET = 18;

export interface ShiftModel {
  readonly model: Model;
  /** What to measure, keyed by the output of the site: one value per channel; for a shift, the value to add. */
  readonly requests: ReadonlyMap<string, MomentsRequest>;
}

/**
 *   y  →  y + (target − mean(y))        for every site, so that later layers see the corrected values
 *
 * @param targets means per channel by the site's output; sites without an entry are skipped
 */
export function modelOfShifts(model: Model, targets: ReadonlyMap<string, Float64Array>): ShiftModel {
  const copy = copyModel(model);
  const editor = GraphEditor.forMainGraph(copy);
  const requests = new Map<string, MomentsRequest>();
  for (const site of biasSites(editor)) {
    const target = targets.get(site.output);
    if (target?.length === site.channels)
      requests.set(site.output, addCorrection(editor, site, target, opsetVersion(copy)));
  }
  return { model: copy, requests };
}

/**
 * A copy of a reference model that outputs the per-channel means of all sites. Averaging inside the runtime is
 * several times faster than returning the activations.
 */
export function modelOfMeans(reference: Model, sites: readonly BiasSite[]): ShiftModel {
  const copy = copyModel(reference);
  const editor = GraphEditor.forMainGraph(copy);
  const requests = new Map<string, MomentsRequest>();
  for (const site of sites) {
    const producer = editor.producer(site.output);
    if (!producer || requests.has(site.output)) continue;
    const mean = editor.uniqueName(`${site.output}_mean`);
    editor.insertAfter(producer, ...channelMeans(editor, site, site.output, mean, opsetVersion(copy)));
    requests.set(site.output, meanRequest(site, mean));
  }
  return { model: copy, requests };
}

function addCorrection(
  editor: GraphEditor,
  site: BiasSite,
  target: Float64Array,
  opset: number,
): MomentsRequest {
  const { node, output, channels, spatialRank } = site;
  const [mean, shift, corrected, goal] = ["mean", "shift", "corrected", "target"].map((suffix) =>
    editor.uniqueName(`${nodeLabel(node)}_${suffix}`),
  ) as [string, string, string, string];
  editor.addInitializer(
    floatTensor(
      goal,
      isOp(node, "Conv") ? [1, channels, ...new Array<number>(spatialRank).fill(1)] : [channels],
      Float32Array.from(target),
    ),
  );
  const users = new Set([node]);
  const added = [
    ...channelMeans(editor, site, output, mean, opset),
    makeNode("Sub", [goal, mean], [shift]),
    makeNode("Add", [output, shift], [corrected]),
  ];
  editor.insertAfter(node, ...added);
  added.forEach((node) => users.add(node));
  editor.replaceUses(output, corrected, users);
  return meanRequest(site, shift);
}

function meanRequest({ node }: BiasSite, tensor: string): MomentsRequest {
  return { kind: "moments", tensor, axis: isOp(node, "Conv") ? 1 : 0 };
}

/** Means over all axes except the channel axis: [1, C, 1, ..] for a convolution, [C] for others of any rank. */
function channelMeans(
  editor: GraphEditor,
  { node, channels, spatialRank }: BiasSite,
  input: string,
  output: string,
  opset: number,
): Node[] {
  if (isOp(node, "Conv")) {
    // One float32 sum over a whole batch loses precision that a sum of sums keeps.
    const ofSamples = editor.uniqueName(`${output}_of_samples`);
    return [
      reduceMean(
        editor,
        input,
        ofSamples,
        Array.from({ length: spatialRank }, (_, k) => k + 2),
        true,
        opset,
      ),
      reduceMean(editor, ofSamples, output, [0], true, opset),
    ];
  }
  const rows = editor.uniqueName(`${output}_rows`);
  const shape = editor.addInitializer(int64Tensor(editor.uniqueName(`${output}_shape`), [-1, channels]));
  return [makeNode("Reshape", [input, shape], [rows]), reduceMean(editor, rows, output, [0], false, opset)];
}

function reduceMean(
  editor: GraphEditor,
  input: string,
  output: string,
  axes: readonly number[],
  keepDims: boolean,
  opset: number,
): Node {
  const keep = attribute.int("keepdims", keepDims ? 1 : 0);
  if (opset < AXES_INPUT_OPSET)
    return makeNode("ReduceMean", [input], [output], [attribute.ints("axes", axes), keep]);
  return makeNode(
    "ReduceMean",
    [input, editor.addInitializer(int64Tensor(editor.uniqueName(`${output}_axes`), [...axes]))],
    [output],
    [keep],
  );
}
