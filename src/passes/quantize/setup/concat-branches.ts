/**
 * Chooses which branches of a Concat share its scale and zero point, and which keep their own.
 *
 *   Conv → Q(s₁) ─▶ Concat → Q(s) ─▶          Conv → Q(s) ─▶ Concat → Q(s) ─▶
 *   Conv → Q(s₂) ─▶                     →     Conv → Q(s) ─▶
 *
 * The output of a Concat is one tensor with one scale. A branch with its own scale is therefore rounded twice
 * before the Concat's readers; with the scale of the Concat it is rounded once, and onnxruntime copies codes
 * instead of looking up each in a table. So it shares the scale, unless other readers of the branch gain more
 * from a finer one. Errors are predicted from the branch's histogram, and all readers count equally.
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
  /** Branches with their own parameters. */
  readonly split: readonly string[];
}

/** Gives branches the parameters of their Concat if that leaves less error. Changes `parameters` in place. */
export function shareWithConcats(
  editor: GraphEditor,
  islands: Islands,
  histograms: ReadonlyMap<string, Histogram>,
  parameters: Map<string, AffineParameters>,
): Map<Node, Branches> {
  const sharing = new Sharing(editor, islands, histograms, parameters);
  const concats = [...islands.members].filter((node) => isOp(node, "Concat"));
  // From the outputs back, so that a Concat passes the parameters of a later one on to earlier ones.
  return new Map(concats.reverse().map((node) => [node, sharing.decide(node)]));
}

/** The tensor whose parameters this one has, because movers pass codes on unchanged. */
export function sourceOf({ sharedWith }: Islands, tensor: string): string {
  return sharedWith.get(tensor) ?? tensor;
}

class Sharing {
  private readonly int8: ReadonlySet<Node>;
  /** Tensors with the same codes, keyed by the one that they come from. */
  private readonly copies: ReadonlyMap<string, readonly string[]>;
  /** Inputs and outputs of absorbed clamps. */
  private readonly results = new Map<string, string>();
  /** Tensors that already have a Concat's parameters. */
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

  /** Whether the codes from `source` now have the target's parameters. */
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

  /** The number of nodes other than the Concat that read values of these codes. */
  private otherReaders(source: string, concat: Node): number {
    const maker = this.editor.producer(this.islands.clamps.get(source)?.inputs[0] ?? source);
    const madeInInt8 = maker !== undefined && this.int8.has(maker);
    let readers = 0;
    for (const tensor of this.copies.get(source) ?? []) {
      if (this.editor.isOutput(tensor)) readers++;
      for (const node of this.editor.consumers(tensor)) {
        const handsOn = this.int8.has(node) && int8Role(node) === "mover";
        // A float operator reads the unquantized value if a float operator produced it.
        if (node !== concat && !handsOn && (madeInInt8 || this.int8.has(node))) readers++;
      }
    }
    return readers;
  }
}
