/**
 * Edits of one graph whose removals are carried out together at the end: each on its own would walk the whole graph,
 * which is quadratic in the number of fusions. A node that is replaced takes along what only it used.
 */
import { GraphEditor, type Model, type Node, nodeLabel, type Tensor } from "../../../ir/index.js";
import { analyzeShapes, GraphFacts } from "../../../ops/shape-analysis.js";
import { haveEqualBytes } from "../equal-bytes.js";
import { CopyLedger, NewConstants } from "./constant-copies.js";

export class Rewrite {
  private readonly retired = new Set<Node>();
  private readonly loosened = new Set<string>();
  private readonly gone = new Set<string>();
  /** How many constants were made from each name. */
  private readonly copies = new Map<string, number>();
  /** The name that each new one was made from: of a constant that is replaced again and again it would grow every time. */
  private readonly stems = new Map<string, string>();

  private readonly made: NewConstants;

  constructor(readonly editor: GraphEditor, private readonly ledger = new CopyLedger()) {
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

  isRetired(node: Node): boolean {
    return this.retired.has(node);
  }

  /** Takes nodes out of the index now and out of the graph at the end. Their outputs are free to be given to other nodes. */
  retire(...nodes: readonly Node[]): void {
    for (const node of nodes) {
      if (this.retired.has(node)) continue;
      this.retired.add(node);
      for (const [k, name] of node.inputs.entries()) {
        this.loosened.add(name);
        this.editor.setInput(node, k, "");
      }
      for (const [k, name] of node.outputs.entries()) {
        this.gone.add(name);
        this.editor.setOutput(node, k, "");
      }
    }
  }

  /** Gives the node's output a new name, that of a retired node; its old name is no longer. */
  takeOutput(node: Node, output: string): void {
    const label = nodeLabel(node);
    this.gone.add(node.outputs[0] ?? "");
    this.editor.setOutput(node, 0, output);
    this.editor.recordDescent(label, nodeLabel(node));
  }

  /** Puts new nodes before `anchor` and retires it; the last of them takes over its first output. */
  replace(anchor: Node, ...nodes: readonly [Node, ...Node[]]): void {
    const output = anchor.outputs[0] ?? "";
    this.editor.insertBefore(anchor, ...nodes);
    this.retire(anchor);
    this.editor.setOutput(nodes.at(-1)!, 0, output);
  }

  setInput(node: Node, index: number, name: string): void {
    this.loosened.add(node.inputs[index] ?? "");
    this.editor.setInput(node, index, name);
  }

  /** A constant under a name made from its own. Counting goes on where it stopped, so that thousands of copies stay cheap. */
  addConstant(tensor: Tensor): string {
    const stem = this.stems.get(tensor.name ?? "") ?? tensor.name ?? "constant";
    const copies = this.copies.get(stem) ?? 0;
    this.copies.set(stem, copies + 1);
    const name = this.editor.addInitializer({ ...tensor, name: this.editor.uniqueName(copies === 0 ? stem : `${stem}_${copies + 1}`) });
    this.stems.set(name, stem);
    return name;
  }

  /**
   * A constant that is made of others, which are recorded as what it came of. One that came of the same and is equal serves
   * once more: layers that share a weight, with the same step behind each, share the new one.
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
   * Gives the node a constant that is made of the old one, and of `others`; the old one goes when nothing else uses it.
   * It stays where the new one is equal: a shift leaves weights as they are, which other nodes may share.
   */
  setConstant(node: Node, index: number, tensor: Tensor, ...others: readonly string[]): void {
    const old = node.inputs[index] ?? "";
    const constant = this.editor.constant(old);
    const isKept = constant?.dataType === tensor.dataType && constant.dims.join() === tensor.dims.join()
      && haveEqualBytes(constant, tensor);
    if (!isKept) this.setInput(node, index, this.deriveConstant(tensor, old, ...others));
  }

  /** Carries out the removals: retired nodes, what only they used, and declarations of values that are no more. */
  finish(): void {
    this.sweep();
    if (this.retired.size > 0) this.editor.removeNodes(...this.retired);
    const { graph } = this.editor;
    const vanished = new Set([...this.gone].filter((name) => !this.editor.producer(name)));
    if (vanished.size > 0) graph.valueInfo = graph.valueInfo.filter(({ name }) => !vanished.has(name));
    const own = new Set(graph.initializers.map(({ name }) => name));
    const unused = [...this.loosened].filter((name) => own.has(name) && !this.editor.input(name) && !this.isUsed(name));
    if (unused.length > 0) this.editor.removeInitializers(new Set(unused));
  }

  /** Retires the makers of values that lost their last use, and theirs in turn. */
  private sweep(): void {
    const names = [...this.loosened];
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const maker = name === "" ? undefined : this.editor.producer(name);
      if (!maker || maker.outputs.some((output) => output !== "" && this.isUsed(output))) continue;
      names.push(...maker.inputs);
      this.retire(maker);
    }
  }

  private isUsed(name: string): boolean {
    return this.editor.consumers(name).length > 0 || this.editor.isOutput(name);
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
 * Rewrites every graph of the model, bodies first: what a body takes from outside is then settled when the graph around it
 * is edited. Each node that a graph had at the beginning is looked at once. Returns how many rewrites there were.
 * @param rewriterOf what to do with the nodes of a graph, given what is known of its values before anything is rewritten
 */
export function rewriteGraphs(
  model: Model, rewriterOf: (rewrite: Rewrite, facts: GraphFacts) => NodeRewriter, { order = "forward", ledger = new CopyLedger() }: RewriteOptions = {},
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
