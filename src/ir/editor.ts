/** Edits a graph, with an index of the producer and users of each name. */
import { joinPieces, type TensorStore } from "./lazy-bytes.js";
import { ConstantList } from "./constant-list.js";
import { byteSize } from "./data-type.js";
import { addProvenance } from "./provenance.js";
import type { Graph, Node } from "./graph.js";
import { nodeLabel } from "./node.js";
import type { Model } from "./model.js";
import { NodeOrder } from "./node-order.js";
import { elementCount, type Tensor, withBytes } from "./tensor.js";
import { bodiesOf } from "./traverse.js";
import { namesOf, type UniqueNames } from "./unique-names.js";
import { renameAllInputs, renameInputs, UseIndex, usedNames, usesOnceDirectly } from "./use-index.js";
import type { ValueInfo } from "./value.js";

/** The state shared by the editors of one model. */
interface WholeModel {
  readonly editors: Map<Graph, GraphEditor>;
  readonly names: UniqueNames;
  readonly inputsHaveDefaults: boolean;
  readonly scratch: TensorStore | undefined;
  readonly model: Model;
}

/**
 * An index over one graph (producer and users of each name) that stays valid while the graph is edited through
 * it. Names captured by bodies of If, Loop and Scan count as uses by the node that holds the body. Passes edit
 * through this class and get all new names from it. The cost of an edit does not depend on the size of the
 * graph, except that removing many nodes together walks the list once.
 */
export class GraphEditor {
  readonly graph: Graph;
  readonly parent: GraphEditor | undefined;
  /**
   * The location of the graph: for each enclosing node, outermost first, that node's first output and the
   * attribute that holds the body. Empty for the main graph. Unique, unlike names of values, which sibling
   * bodies may share.
   */
  readonly scope: readonly string[];
  private readonly order: NodeOrder;
  private outputs: ReadonlySet<string> | undefined;
  private readonly uses = new UseIndex();
  private readonly constants: ConstantList;
  private readonly graphInputs: Map<string, ValueInfo>;

  private constructor(
    graph: Graph,
    parent: GraphEditor | undefined,
    scope: readonly string[],
    private readonly whole: WholeModel,
  ) {
    this.graph = graph;
    this.parent = parent;
    this.scope = scope;
    this.order = new NodeOrder(graph);
    whole.editors.set(graph, this);
    this.graphInputs = new Map(graph.inputs.map((input) => [input.name, input]));
    this.constants = new ConstantList(graph);
    // Their names are known: `names` has those of the whole model.
    for (const node of graph.nodes) this.uses.link(node);
  }

  /**
   * Creates an editor for every graph of the model (main graph first, then bodies), with one shared set of
   * names.
   */
  static forModel(model: Model): GraphEditor[] {
    const whole: WholeModel = {
      editors: new Map(),
      names: namesOf(model),
      scratch: model.scratch,
      model,
      // Before IR version 4, every constant had to be listed as an input, so that has no meaning there.
      inputsHaveDefaults: Number(model.irVersion ?? 0n) >= 4,
    };
    const editors: GraphEditor[] = [];
    const visit = (graph: Graph, scope: readonly string[], parent?: GraphEditor): void => {
      const editor = new GraphEditor(graph, parent, scope, whole);
      editors.push(editor);
      for (const node of graph.nodes)
        for (const { path, body } of bodiesOf(node)) visit(body, [...scope, ...path], editor);
    };
    visit(model.graph, []);
    return editors;
  }

  /** Creates an editor of the main graph only. */
  static forMainGraph(model: Model): GraphEditor {
    return GraphEditor.forModel(model)[0]!;
  }

  /** The node of this graph that produces `name`, or undefined for inputs, constants and outer values. */
  producer(name: string): Node | undefined {
    return this.uses.producer(name);
  }

  /** The nodes of this graph that use `name`, directly or from a body. */
  consumers(name: string): Node[] {
    return [...this.uses.usersOf(name)];
  }

  /** How many nodes use `name`; a list of them is long where it is used everywhere. */
  countConsumers(name: string): number {
    return this.uses.usersOf(name).size;
  }

  /**
   * The node that is the only user of `name`, as a direct input exactly once; undefined if the name is a graph
   * output.
   */
  soleConsumer(name: string): Node | undefined {
    const users = this.uses.usersOf(name);
    if (users.size !== 1 || this.isOutput(name)) return undefined;
    const [only] = users;
    return only && usesOnceDirectly(only, name) ? only : undefined;
  }

  /** Names that a node of this graph uses: its inputs and the names that its bodies capture. */
  usedNames(node: Node): Set<string> {
    return usedNames(node);
  }

  isOutput(name: string): boolean {
    this.outputs ??= new Set(this.graph.outputs.map((output) => output.name));
    return this.outputs.has(name);
  }

  input(name: string): ValueInfo | undefined {
    return this.graphInputs.get(name);
  }

  /**
   * The constant `name` of this graph or an enclosing one. An initializer that is a graph input as well is only
   * a default that a caller may override, not a constant (from IR version 4 on).
   */
  constant(name: string): Tensor | undefined {
    if (name === "") return undefined;
    const own = this.constants.get(name);
    if (own) return this.whole.inputsHaveDefaults && this.graphInputs.has(name) ? undefined : own;
    if (this.uses.producer(name) || this.graphInputs.has(name)) return undefined;
    return this.parent?.constant(name);
  }

  /** A name derived from `stem` that is unused in the model. */
  uniqueName(stem: string): string {
    return this.whole.names.make(stem);
  }

  /**
   * Records that the node or constant `name` derives from the one named `from`, whether or not that is removed,
   * so that user selections of `from` apply to it too. For nodes, names are labels (see `nodeLabel`). Empty
   * names are ignored.
   */
  recordProvenance(from: string, name: string): void {
    addProvenance(this.whole.model, from, name);
  }

  /** Whether anything is recorded to derive from the name. */
  hasDescendants(name: string): boolean {
    return this.whole.model.provenance?.has(name) ?? false;
  }

  /** Adds a constant under its own name, which must be unique (see `uniqueName`). Returns the name. */
  addInitializer(tensor: Tensor): string {
    const name = tensor.name ?? "";
    const kept = this.whole.scratch?.keep(tensor) ?? tensor;
    this.whole.names.add(name);
    this.constants.add(kept);
    return name;
  }

  /** Replaces the constant of the same name by `tensor`, in this graph or the enclosing one that holds it. */
  replaceInitializer(tensor: Tensor): void {
    this.put(this.whole.scratch?.keep(tensor) ?? tensor);
  }

  /**
   * Gives the constant `tensor` new bytes of the same type and shape, in pieces that are each copied before the
   * next is requested, so that a large constant is never whole in memory. Pieces may be computed from the old
   * bytes.
   */
  replaceValues(tensor: Tensor, pieces: Iterable<Uint8Array>): void {
    const length = byteSize(tensor.dataType, elementCount(tensor)) ?? 0;
    const bytes = this.whole.scratch?.keepPieces(length, pieces) ?? joinPieces(length, pieces);
    this.put(withBytes(tensor, bytes));
  }

  private put(tensor: Tensor): void {
    if (!this.constants.replace(tensor)) this.parent?.put(tensor);
  }

  /** Whether one node of the graph comes before another. */
  isBefore(node: Node, other: Node): boolean {
    return this.order.indexOf(node) < this.order.indexOf(other);
  }

  /** Replaces the graph output `from` by `to`. For bodies, whose outputs are identified by position. */
  renameOutput(from: string, to: string): void {
    for (const output of this.graph.outputs) if (output.name === from) output.name = to;
    this.outputs = undefined;
  }

  /** Removes constants of this graph by name; the caller ensures that nothing uses them. */
  removeInitializers(names: ReadonlySet<string>): void {
    this.constants.remove(names);
    if ([...names].some((name) => this.graphInputs.has(name))) {
      this.graph.inputs = this.graph.inputs.filter((input) => !names.has(input.name));
      for (const name of names) this.graphInputs.delete(name);
    }
  }

  /** Inserts `nodes` before `anchor`, or at the end if it is undefined. */
  insertBefore(anchor: Node | undefined, ...nodes: Node[]): void {
    this.insertAt(anchor ? this.order.indexOf(anchor) : this.graph.nodes.length, nodes);
  }

  insertAfter(anchor: Node, ...nodes: Node[]): void {
    this.insertAt(this.order.indexOf(anchor) + 1, nodes);
  }

  private insertAt(index: number, nodes: readonly Node[]): void {
    this.order.insert(index, nodes);
    for (const node of nodes) this.link(node);
  }

  removeNodes(...nodes: Node[]): void {
    const gone = new Set(nodes);
    this.order.remove(gone);
    for (const node of gone) this.uses.unlink(node);
  }

  /** Replaces `node` by `replacements`, and records that they derive from it. */
  replaceNode(node: Node, ...replacements: Node[]): void {
    this.insertBefore(node, ...replacements);
    this.removeNodes(node);
    for (const replacement of replacements) this.recordProvenance(nodeLabel(node), nodeLabel(replacement));
    for (const replacement of replacements) this.link(replacement);
  }

  setInput(node: Node, index: number, name: string): void {
    this.uses.unlink(node);
    while (node.inputs.length < index) node.inputs.push("");
    node.inputs[index] = name;
    this.link(node);
  }

  /** Sets all inputs at once. */
  setInputs(node: Node, names: readonly string[]): void {
    this.uses.unlink(node);
    node.inputs = [...names];
    this.link(node);
  }

  /** Renames an output. If the node's label comes from it, the new label is recorded. */
  setOutput(node: Node, index: number, name: string): void {
    const label = (node.outputs[index] ?? "") === "" || name === "" ? undefined : nodeLabel(node);
    this.uses.unlink(node);
    node.outputs[index] = name;
    this.link(node);
    if (label !== undefined) this.recordProvenance(label, nodeLabel(node));
  }

  /** Replaces every use of `from` in this graph and its bodies by `to`. Graph outputs keep their names. */
  replaceUses(from: string, to: string, except?: ReadonlySet<Node>): void {
    for (const node of this.consumers(from)) {
      if (except?.has(node)) continue;
      this.uses.unlink(node);
      this.forgetOutputsOf(renameInputs(node, from, to));
      this.link(node);
    }
  }

  /**
   * The same for many names at once, as given by the map. A node that uses many of them is edited only once,
   * instead of walking all its inputs for each name.
   */
  replaceAllUses(names: ReadonlyMap<string, string>): void {
    const users = new Set<Node>();
    for (const from of names.keys()) for (const user of this.uses.usersOf(from)) users.add(user);
    for (const node of users) {
      this.uses.unlink(node);
      this.forgetOutputsOf(renameAllInputs(node, names));
      this.link(node);
    }
  }

  private forgetOutputsOf(bodies: readonly Graph[]): void {
    for (const body of bodies) {
      const editor = this.whole.editors.get(body);
      if (editor) editor.outputs = undefined;
    }
  }

  private link(node: Node): void {
    for (const output of node.outputs) if (output !== "") this.whole.names.add(output);
    this.uses.link(node);
  }
}
