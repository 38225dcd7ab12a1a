/**
 * Which branches of a Concat take its scale and zero point, and which keep their own.
 *
 *   Conv → Q(s₁) ─▶ Concat → Q(s) ─▶          Conv → Q(s) ─▶ Concat → Q(s) ─▶
 *   Conv → Q(s₂) ─▶                     →     Conv → Q(s) ─▶
 *
 * A branch with a scale of its own is rounded twice on its way to what reads the Concat, as all of that is
 * one tensor with one scale; with the scale of the Concat it is rounded once, and onnxruntime copies codes
 * rather than looking each up in a table. So it shares, unless something else reads it too that gains more
 * from a finer scale. Errors are predicted from the histogram of the branch, and each reader counts the
 * same.
 */
import { groupBy } from "../../../group-by.js";
import { type GraphEditor, isOp, type Node } from "../../../ir/index.js";
import type { AffineParameters } from "../../../numeric/affine.js";
import { roundingError } from "../../../numeric/calibrators.js";
import type { Histogram } from "../../../numeric/statistics.js";
import { int8Role } from "../../../ops/int8-kernels.js";
import { saturatesWith } from "./absorbed-clamp.js";
import type { Islands } from "./islands.js";

export interface Branches {
  /** Number of branches whose codes are copied. */
  readonly shared: number;
  /** Branches with parameters of their own. */
  readonly split: readonly string[];
}

/** Gives branches the parameters of their Concat where that leaves less error, in place in `parameters`. */
export function shareWithConcats(
  editor: GraphEditor,
  islands: Islands,
  histograms: ReadonlyMap<string, Histogram>,
  parameters: Map<string, AffineParameters>,
): Map<Node, Branches> {
  const sharing = new Sharing(editor, islands, histograms, parameters);
  const concats = [...islands.members].filter((node) => isOp(node, "Concat"));
  // From the outputs back: what a Concat takes from one behind it, it gives to those before.
  return new Map(concats.reverse().map((node) => [node, sharing.decide(node)]));
}

/** The tensor whose parameters this one has: movers hand on the codes that they get. */
export function sourceOf({ sharedWith }: Islands, tensor: string): string {
  return sharedWith.get(tensor) ?? tensor;
}

class Sharing {
  private readonly int8: ReadonlySet<Node>;
  /** Tensors of one set of codes, by the one that they come from. */
  private readonly copies: ReadonlyMap<string, readonly string[]>;
  /** What absorbed clamps read, and what they gave. */
  private readonly results = new Map<string, string>();
  /** Tensors that took a Concat's parameters already. */
  private readonly settled = new Set<string>();

  constructor(
    private readonly editor: GraphEditor,
    private readonly islands: Islands,
    private readonly histograms: ReadonlyMap<string, Histogram>,
    private readonly parameters: Map<string, AffineParameters>,
  ) {
    this.int8 = new Set([...islands.computes, ...islands.members]);
    this.copies = groupBy(islands.tensors, (tensor) => sourceOf(islands, tensor));
    for (const [result, clamp] of islands.clamps) this.results.set(clamp.inputs[0]!, result);
  }

  decide(concat: Node): Branches {
    const output = concat.outputs[0]!;
    const target = this.parameters.get(this.results.get(output) ?? output);
    const split = concat.inputs.filter(
      (branch) => !this.takes(sourceOf(this.islands, branch), concat, target),
    );
    return { shared: concat.inputs.length - split.length, split };
  }

  /** Whether the codes that come from `source` have the target's parameters from now on. */
  private takes(source: string, concat: Node, target: AffineParameters | undefined): boolean {
    const own = this.parameters.get(source);
    if (!own || !target || this.settled.has(source)) return own === target;
    if (!this.gains(source, concat, own, target)) return false;
    this.parameters.set(source, target);
    this.settled.add(source);
    return true;
  }

  private gains(source: string, concat: Node, own: AffineParameters, target: AffineParameters): boolean {
    const clamp = this.islands.clamps.get(source);
    const histogram = this.histograms.get(source);
    if (!histogram || (clamp && !saturatesWith(this.editor, clamp, target))) return false;
    const ownError = roundingError(histogram, own);
    // Split: ownError for each reader, and the Concat's own rounding. Shared: the Concat's rounding for
    // each reader.
    return this.otherReaders(source, concat) * (roundingError(histogram, target) - ownError) <= ownError;
  }

  /** How many nodes read values of these codes besides the Concat. */
  private otherReaders(source: string, concat: Node): number {
    const maker = this.editor.producer(this.islands.clamps.get(source)?.inputs[0] ?? source);
    const madeInInt8 = maker !== undefined && this.int8.has(maker);
    let readers = 0;
    for (const tensor of this.copies.get(source) ?? []) {
      if (this.editor.isOutput(tensor)) readers++;
      for (const node of this.editor.consumers(tensor)) {
        const handsOn = this.int8.has(node) && int8Role(node) === "mover";
        // Float operators read what one of them made as it is.
        if (node !== concat && !handsOn && (madeInInt8 || this.int8.has(node))) readers++;
      }
    }
    return readers;
  }
}
