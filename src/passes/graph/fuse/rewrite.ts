/**
 * The edits of fusions: an edit batch that also derives constants from others. It records which derives from
 * which, for the budget (fold-budget.ts).
 */
import { EditBatch, GraphEditor, type Model, type Node, nodeLabel, type Tensor } from "../../../ir/index.js";
import { analyzeShapes, GraphFacts } from "../../../ops/shape-analysis.js";
import type { Match, Misfit } from "../../../patterns/index.js";
import { haveEqualBytes } from "../equal-bytes.js";
import { CopyLedger, NewConstants } from "./constant-copies.js";

export class Rewrite extends EditBatch {
  /** How many constants were derived from each name. */
  private readonly copies = new Map<string, number>();
  /**
   * The original name of each new constant: if names were derived from derived names, repeated replacement
   * would make them ever longer.
   */
  private readonly stems = new Map<string, string>();

  private readonly made: NewConstants;

  constructor(
    editor: GraphEditor,
    private readonly ledger = new CopyLedger(),
  ) {
    super(editor);
    this.made = new NewConstants(editor);
  }

  /** Whether nothing may be derived from this constant. */
  readonly isFixed = (tensor: Tensor): boolean => this.ledger.isFixed(tensor);

  /** Whether the node reads such a constant. */
  usesFixed({ inputs }: Node): boolean {
    return inputs.some((name) => {
      const tensor = this.editor.constant(name);
      return tensor !== undefined && this.isFixed(tensor);
    });
  }

  /**
   * Replaces all matched nodes by new ones, to which user selections of the old ones then apply. Returns
   * undefined, so that a fusion can end with this call.
   */
  fuse(
    { found, last }: Pick<Match, "found" | "last">,
    ...nodes: readonly [Node, ...Node[]]
  ): Misfit | undefined {
    const labels = found.nodes.map(nodeLabel);
    this.replace(last, ...nodes);
    for (const label of labels) this.editor.recordProvenance(label, nodeLabel(nodes.at(-1)!));
    return undefined;
  }

  /**
   * Adds a constant under a name derived from its own. Numbering continues where it stopped, so that thousands
   * of copies stay cheap.
   */
  addConstant(tensor: Tensor): string {
    const stem = this.stems.get(tensor.name ?? "") ?? tensor.name ?? "constant";
    const copies = this.copies.get(stem) ?? 0;
    this.copies.set(stem, copies + 1);
    const name = this.editor.addInitializer({
      ...tensor,
      name: this.editor.uniqueName(copies === 0 ? stem : `${stem}_${copies + 1}`),
    });
    this.stems.set(name, stem);
    return name;
  }

  /**
   * Adds a constant derived from others and records these. An equal one derived from the same constants is
   * reused: layers that share a weight and are each followed by the same step share the new weight.
   * @param from names of the constants that it derives from; the first identifies it
   */
  deriveConstant(tensor: Tensor, ...from: readonly [string, ...string[]]): string {
    const known = this.made.find(from[0], tensor);
    if (known !== undefined) return known;
    const sources = from.filter((name) => this.editor.constant(name) !== undefined);
    const origins = sources.map((name) => this.editor.constant(name)!);
    const name = this.addConstant(tensor);
    this.made.add(from[0], tensor, name);
    const kept = this.editor.constant(name);
    if (kept) this.ledger.record(kept, origins);
    for (const old of sources) this.editor.recordProvenance(old, name);
    return name;
  }

  /**
   * Gives the node a constant derived from the old one and from `others`. The old one is removed if nothing
   * else uses it, and kept if the new one is equal: a shift does not change weights, which other nodes may
   * share.
   */
  setConstant(node: Node, index: number, tensor: Tensor, ...others: readonly string[]): void {
    const old = node.inputs[index] ?? "";
    const constant = this.editor.constant(old);
    const isKept =
      constant?.dataType === tensor.dataType &&
      constant.dims.join() === tensor.dims.join() &&
      haveEqualBytes(constant, tensor);
    if (!isKept) this.setInput(node, index, this.deriveConstant(tensor, old, ...others));
  }
}

/** Visits one node and returns the number of rewrites there. */
export type NodeRewriter = (node: Node) => number | boolean;

export interface RewriteOptions {
  readonly order?: "forward" | "backward";
  /** Records what new constants derive from; see fold-budget.ts. */
  readonly ledger?: CopyLedger;
}

/**
 * Rewrites every graph of the model, bodies first, so that their captured values are final when the enclosing
 * graph is edited. Visits each of a graph's original nodes once. Returns the number of rewrites.
 * @param rewriterOf the rewriter for the nodes of a graph, given what is known about its values beforehand
 */
export function rewriteGraphs(
  model: Model,
  rewriterOf: (rewrite: Rewrite, facts: GraphFacts) => NodeRewriter,
  { order = "forward", ledger = new CopyLedger() }: RewriteOptions = {},
): number {
  const editors = GraphEditor.forModel(model);
  const facts = analyzeShapes(editors);
  let count = 0;
  for (const editor of editors.reverse()) {
    const rewrite = new Rewrite(editor, ledger);
    const rewriteNode = rewriterOf(rewrite, facts.get(editor) ?? new GraphFacts(undefined));
    const nodes = [...editor.graph.nodes];
    for (const node of order === "forward" ? nodes : nodes.reverse()) count += Number(rewriteNode(node));
    rewrite.finish();
  }
  return count;
}

/** Repeats a step until it fails, and counts the successes. */
export function times(step: () => boolean): number {
  let count = 0;
  while (step()) count++;
  return count;
}
