/**
 * Finds the tensors that are concatenated along the channels into a layer's input. Between the Concats and the
 * layer may be operators that keep channels separate: MaxPool, which moves codes, and clamps with a lower bound
 * of 0.
 */
import { type GraphEditor, intAttribute, isOp, type Node } from "../../../ir/index.js";
import { inferTypes, type TypeMap } from "../../../ops/shapes.js";
import { normalAxis } from "../../../ops/weights.js";
import { upperBound } from "./absorbed-clamp.js";
import type { Islands } from "./islands.js";

export interface Branch {
  readonly tensor: string;
  /** The upper bound of clamps after the Concat, whose lower bound is 0; undefined without a clamp. */
  readonly ceiling: number | undefined;
}

interface Joined {
  /** The Concat nearest to the layer. */
  readonly concat: Node;
  /** In the order of their channels. */
  readonly branches: readonly Branch[];
}

/** DenseNet-264 joins 65 tensors by as many Concats; longer chains are not followed. */
const MOST_STEPS = 256;

/**
 * The branches of `tensor`, which has `rank` axes and channels on axis 1; undefined if it is not concatenated.
 * A branch that is itself concatenated is replaced by its own branches.
 */
export function joinedBranches(
  editor: GraphEditor,
  islands: Islands,
  tensor: string,
  rank: number,
): Joined | undefined {
  const pending: Branch[] = [{ tensor, ceiling: undefined }];
  const branches: Branch[] = [];
  let concat: Node | undefined;
  for (let steps = 0; pending.length > 0; steps++) {
    const branch = pending.pop()!;
    const clamp = clampBefore(editor, islands, branch.tensor);
    const maker = editor.producer(clamp?.inputs[0] ?? branch.tensor);
    const isConcat = isOp(maker, "Concat") && normalAxis(intAttribute(maker, "axis", 0), rank) === 1;
    if (!maker || !islands.members.has(maker) || !(isConcat || isOp(maker, "MaxPool"))) {
      branches.push(branch);
      continue;
    }
    if (isConcat) concat ??= maker;
    const ceiling = clamp ? Math.min(branch.ceiling ?? Infinity, upperBound(editor, clamp)) : branch.ceiling;
    const inputs = isConcat ? maker.inputs : maker.inputs.slice(0, 1);
    if (steps + pending.length + inputs.length > MOST_STEPS) return undefined;
    for (let k = inputs.length - 1; k >= 0; k--) pending.push({ tensor: inputs[k]!, ceiling });
  }
  return concat && { concat, branches };
}

/** The clamp that produces the tensor: an absorbed one, or a Relu that a MaxPool keeps from being absorbed. */
function clampBefore(editor: GraphEditor, { clamps }: Islands, tensor: string): Node | undefined {
  const maker = editor.producer(tensor);
  return clamps.get(tensor) ?? (isOp(maker, "Relu") ? maker : undefined);
}

/** The number of channels of each branch, out of `total`; undefined if unknown. */
export function channelCounts(
  editor: GraphEditor,
  { clamps }: Islands,
  branches: readonly Branch[],
  total: number,
): number[] | undefined {
  let types: TypeMap | undefined;
  const known = branches.map(({ tensor }) => {
    const maker = editor.producer(clamps.get(tensor)?.inputs[0] ?? tensor);
    const made = isOp(maker, "Conv") ? editor.constant(maker.inputs[1] ?? "")?.dims[0] : undefined;
    types ??=
      made === undefined ? inferTypes(editor.graph, undefined, (name) => editor.constant(name)) : undefined;
    const channels = made ?? types?.get(tensor)?.shape?.[1];
    return typeof channels === "number" ? channels : undefined;
  });
  // A single unknown number is the remainder.
  const rest = known.reduce<number>((left, channels) => left - (channels ?? 0), total);
  const open = known.filter((channels) => channels === undefined).length;
  const fits = open === 0 ? rest === 0 : open === 1 && rest > 0;
  return fits && known.every((channels) => channels !== 0)
    ? known.map((channels) => channels ?? rest)
    : undefined;
}
