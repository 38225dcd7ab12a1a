/**
 * The edits that fusions make: a batch of the editor's, with the constants that are made of others. Which
 * came of which is kept, so that a budget can be held to (fold-budget.ts).
 */
import { EditBatch, GraphEditor, type Model, type Node, nodeLabel, type Tensor } from "../../../ir/index.js";
import { analyzeShapes, GraphFacts } from "../../../ops/shape-analysis.js";
import type { Match, Misfit } from "../../../patterns/index.js";
import { haveEqualBytes } from "../equal-bytes.js";
import { CopyLedger, NewConstants } from "./constant-copies.js";

export class Rewrite extends EditBatch {
  /** How many constants were made from each name. */
  private readonly copies = new Map<string, number>();
  /**
   * The name that each new one was made from: of a constant that is replaced again and again it would grow
   * every time.
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

  /** Whether no other constant may be made of this one. */
  readonly isFixed = (tensor: Tensor): boolean => this.ledger.isFixed(tensor);

  /** Whether the node reads such a constant. */
  usesFixed({ inputs }: Node): boolean {
    return inputs.some((name) => {
      const tensor = this.editor.constant(name);
      return tensor !== undefined && this.isFixed(tensor);
    });
  }

  /**
   * Puts new nodes in the place of all that a pattern has matched: what a user said of any of them is meant
   * for these. Returns undefined, so that a fusion that has nothing more to say may end with it.
   */
  fuse(
    { found, last }: Pick<Match, "found" | "last">,
    ...nodes: readonly [Node, ...Node[]]
  ): Misfit | undefined {
    const labels = found.nodes.map(nodeLabel);
    this.replace(last, ...nodes);
    for (const label of labels) this.editor.recordDescent(label, nodeLabel(nodes.at(-1)!));
    return undefined;
  }

  /**
   * A constant under a name made from its own. Counting goes on where it stopped, so that thousands of
   * copies stay cheap.
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
   * A constant that is made of others, which are recorded as what it came of. One that came of the same and
   * is equal serves once more: layers that share a weight, with the same step behind each, share the new
   * one.
   * @param from names of the constants that it is made of, the first of which it is told apart by
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
    for (const old of sources) this.editor.recordDescent(old, name);
    return name;
  }

  /**
   * Gives the node a constant that is made of the old one, and of `others`; the old one goes when nothing
   * else uses it. It stays where the new one is equal: a shift leaves weights as they are, which other
   * nodes may share.
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

/** Looks at one node and says how often it rewrote something there. */
export type NodeRewriter = (node: Node) => number | boolean;

export interface RewriteOptions {
  readonly order?: "forward" | "backward";
  /** Takes what new constants are made of; see fold-budget.ts. */
  readonly ledger?: CopyLedger;
}

/**
 * Rewrites every graph of the model, bodies first: what a body takes from outside is then settled when the
 * graph around it is edited. Each node that a graph had at the beginning is looked at once. Returns how
 * many rewrites there were.
 * @param rewriterOf what to do with the nodes of a graph, given what is known of its values before anything
 *   is rewritten
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

/** How often in a row a step succeeds. */
export function times(step: () => boolean): number {
  let count = 0;
  while (step()) count++;
  return count;
}
