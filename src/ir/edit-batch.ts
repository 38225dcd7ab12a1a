/**
 * Edits one graph and performs all removals together at the end, because each would walk the whole graph, which
 * is quadratic. With a replaced node, everything that only it used is removed too. The provenance of removed
 * nodes and constants is recorded.
 */
import type { GraphEditor } from "./editor.js";
import type { Node } from "./graph.js";
import { nodeLabel } from "./node.js";

export class EditBatch {
  private readonly retired = new Set<Node>();
  /**
   * Values that lost a reader, with the labels of those readers: if such a value becomes unused, its provenance
   * points to them.
   */
  private readonly loosened = new Map<string, Set<string>>();
  /** Values that lost their producer, with its label. */
  private readonly gone = new Map<string, string>();

  constructor(readonly editor: GraphEditor) {}

  isRetired(node: Node): boolean {
    return this.retired.has(node);
  }

  /**
   * Removes nodes from the index now and from the graph at the end. Their output names can be reused
   * immediately.
   */
  retire(...nodes: readonly Node[]): void {
    for (const node of nodes) {
      if (this.retired.has(node)) continue;
      this.retired.add(node);
      const label = nodeLabel(node);
      for (const [k, name] of node.inputs.entries()) {
        this.loosen(name, label);
        this.editor.setInput(node, k, "");
      }
      for (const [k, name] of node.outputs.entries()) {
        this.gone.set(name, label);
        this.editor.setOutput(node, k, "");
      }
    }
  }

  /** Gives the node's output the name of a retired node's output, which it replaces. */
  takeOutput(node: Node, output: string): void {
    const label = nodeLabel(node);
    this.gone.set(node.outputs[0] ?? "", label);
    const before = this.gone.get(output) ?? "";
    this.editor.setOutput(node, 0, output);
    this.editor.recordProvenance(before, nodeLabel(node));
  }

  /** Inserts new nodes before `anchor` and retires it; the last new node takes over its first output. */
  replace(anchor: Node, ...nodes: readonly [Node, ...Node[]]): void {
    const [label, output] = [nodeLabel(anchor), anchor.outputs[0] ?? ""];
    this.editor.insertBefore(anchor, ...nodes);
    this.retire(anchor);
    this.editor.setOutput(nodes.at(-1)!, 0, output);
    for (const node of nodes) this.editor.recordProvenance(label, nodeLabel(node));
  }

  setInput(node: Node, index: number, name: string): void {
    this.loosen(node.inputs[index] ?? "", nodeLabel(node));
    this.editor.setInput(node, index, name);
  }

  /** Performs the removals: retired nodes, everything that only they used, and declarations of removed values. */
  finish(): void {
    this.sweep();
    if (this.retired.size > 0) this.editor.removeNodes(...this.retired);
    const { graph } = this.editor;
    const vanished = new Set([...this.gone.keys()].filter((name) => !this.editor.producer(name)));
    if (vanished.size > 0) graph.valueInfo = graph.valueInfo.filter(({ name }) => !vanished.has(name));
    const own = new Set(graph.initializers.map(({ name }) => name));
    const unused = [...this.loosened.keys()].filter(
      (name) => own.has(name) && !this.editor.input(name) && !this.isUsed(name),
    );
    if (unused.length === 0) return;
    for (const name of unused) if (!this.editor.hasDescendants(name)) this.recordReaders(name, name);
    this.editor.removeInitializers(new Set(unused));
  }

  private loosen(name: string, reader: string): void {
    const readers = this.loosened.get(name);
    if (readers) readers.add(reader);
    else this.loosened.set(name, new Set([reader]));
  }

  /** The former readers of the value have absorbed its producer, or the constant itself. */
  private recordReaders(value: string, label: string): void {
    for (const reader of this.loosened.get(value) ?? []) this.editor.recordProvenance(label, reader);
  }

  /** Retires the producers of values that lost their last use, recursively. */
  private sweep(): void {
    const names = [...this.loosened.keys()];
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const maker = name === "" ? undefined : this.editor.producer(name);
      if (!maker || maker.outputs.some((output) => output !== "" && this.isUsed(output))) continue;
      names.push(...maker.inputs);
      for (const output of maker.outputs) this.recordReaders(output, nodeLabel(maker));
      this.retire(maker);
    }
  }

  private isUsed(name: string): boolean {
    return this.editor.consumers(name).length > 0 || this.editor.isOutput(name);
  }
}
