/** Editing a graph, with an index that knows who makes and who uses each name. */
import { joinPieces, type TensorStore } from "./byte-source.js";
import { byteSize } from "./data-type.js";
import { addDescent } from "./provenance.js";
import type { Graph, Node } from "./graph.js";
import { nodeLabel } from "./node.js";
import type { Model } from "./model.js";
import { NodeOrder } from "./node-order.js";
import { elementCount, type Tensor } from "./tensor.js";
import { bindsName, bodiesOf, capturedNames, nestedGraphs, nodeLists, subgraphsOf } from "./traverse.js";
import { UniqueNames } from "./unique-names.js";
import type { ValueInfo } from "./value.js";

/** What the editors of one model share. */
interface WholeModel {
  readonly editors: Map<Graph, GraphEditor>;
  readonly names: UniqueNames;
  readonly inputsHaveDefaults: boolean;
  readonly scratch: TensorStore | undefined;
  readonly model: Model;
}

/**
 * An index over one graph (who makes and who uses each name) that stays true while the graph is edited
 * through it. Names captured by bodies of If, Loop and Scan count as uses of the node that holds the body.
 * Passes edit through this class and never keep names of their own making outside it. One edit costs as
 * much in a large graph as in a small one, but for a walk over the nodes where many are taken out together.
 */
export class GraphEditor {
  readonly graph: Graph;
  readonly parent: GraphEditor | undefined;
  /**
   * Where the graph is: for each node around it, outermost first, that node's first output and the
   * attribute that holds the body. Empty for the main graph. Unlike names of values, which sibling bodies
   * may share, it is unique.
   */
  readonly scope: readonly string[];
  private readonly order: NodeOrder;
  private outputs: ReadonlySet<string> | undefined;
  private readonly producers = new Map<string, Node>();
  private readonly users = new Map<string, Set<Node>>();
  private readonly tensors = new Map<string, Tensor>();
  /** Places in the graph's list of constants, found when the first is replaced. */
  private readonly places = new Map<string, number>();
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
    for (const tensor of graph.initializers) this.tensors.set(tensor.name ?? "", tensor);
    for (const node of graph.nodes) this.link(node);
  }

  /** An editor for every graph of the model (main graph first, then bodies), sharing one set of names. */
  static forModel(model: Model): GraphEditor[] {
    const whole: WholeModel = {
      editors: new Map(),
      names: new UniqueNames(),
      scratch: model.scratch,
      model,
      // Before IR version 4 every constant had to be listed among the inputs, so being listed means nothing
      // there.
      inputsHaveDefaults: Number(model.irVersion ?? 0n) >= 4,
    };
    for (const scope of nodeLists(model)) collectNames(scope, whole.names);
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

  /** An editor of the main graph alone. */
  static forMainGraph(model: Model): GraphEditor {
    return GraphEditor.forModel(model)[0]!;
  }

  /** The node of this graph that makes `name`, or undefined for inputs, constants and outer values. */
  producer(name: string): Node | undefined {
    return this.producers.get(name);
  }

  /** The nodes of this graph that use `name`, directly or from a body. */
  consumers(name: string): Node[] {
    return [...(this.users.get(name) ?? [])];
  }

  /** How many nodes use `name`; a list of them is long where it is used everywhere. */
  countConsumers(name: string): number {
    return this.users.get(name)?.size ?? 0;
  }

  /** The one node that uses `name` as a direct input exactly once, unless the name is also a graph output. */
  soleConsumer(name: string): Node | undefined {
    const users = this.users.get(name);
    if (users?.size !== 1 || this.isOutput(name)) return undefined;
    const [only] = users;
    if (!only) return undefined;
    return only.inputs.filter((input) => input === name).length === 1 && !capturedNames(only).has(name)
      ? only
      : undefined;
  }

  /** Names that a node of this graph uses: its inputs and what its bodies capture. */
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
   * The constant that `name` stands for in this graph or one around it. An initializer that is a graph
   * input as well is only a default that a caller may override, not a constant (from IR version 4 on).
   */
  constant(name: string): Tensor | undefined {
    if (name === "") return undefined;
    const own = this.tensors.get(name);
    if (own) return this.whole.inputsHaveDefaults && this.graphInputs.has(name) ? undefined : own;
    if (this.producers.has(name) || this.graphInputs.has(name)) return undefined;
    return this.parent?.constant(name);
  }

  /** A name that nothing in the model bears yet, made from `stem`. */
  uniqueName(stem: string): string {
    return this.whole.names.make(stem);
  }

  /**
   * Says that the node or constant `name` came of the one named `from`, which may go or stay: what a user
   * says of that is meant for it too. Of nodes, names are labels (see `nodeLabel`). The empty name says
   * nothing.
   */
  recordDescent(from: string, name: string): void {
    addDescent(this.whole.model, from, name);
  }

  /** Whether anything is recorded to have come of the name. */
  hasDescendants(name: string): boolean {
    return this.whole.model.descent?.has(name) ?? false;
  }

  /** Adds a constant under its own name, which must be unique (see `uniqueName`). Returns the name. */
  addInitializer(tensor: Tensor): string {
    const name = tensor.name ?? "";
    const kept = this.whole.scratch?.keep(tensor) ?? tensor;
    this.whole.names.add(name);
    this.graph.initializers.push(kept);
    this.tensors.set(name, kept);
    // Else all places would be found anew for each one that is added and then replaced.
    if (this.places.size > 0) this.places.set(name, this.graph.initializers.length - 1);
    return name;
  }

  /**
   * Puts `tensor` in the place of the constant of the same name, in this graph or the one around it that
   * holds it.
   */
  replaceInitializer(tensor: Tensor): void {
    this.put(this.whole.scratch?.keep(tensor) ?? tensor);
  }

  /**
   * Gives the constant that `tensor` is new bytes of the same type and shape, in pieces, each of which is
   * copied before the next is taken: a large one is then never whole in memory. They may be made from the
   * old bytes on the way.
   */
  replaceValues(tensor: Tensor, pieces: Iterable<Uint8Array>): void {
    const { name, dims, dataType, docString, metadata } = tensor;
    const length = byteSize(dataType, elementCount(tensor)) ?? 0;
    const bytes = this.whole.scratch?.keepPieces(length, pieces) ?? joinPieces(length, pieces);
    this.put({
      dims,
      dataType,
      ...(bytes instanceof Uint8Array ? { raw: bytes } : { lazy: bytes }),
      ...(name === undefined ? {} : { name }),
      ...(docString === undefined ? {} : { docString }),
      ...(metadata === undefined ? {} : { metadata }),
    });
  }

  private put(tensor: Tensor): void {
    const name = tensor.name ?? "";
    const at = this.placeOf(name);
    if (at === undefined) return this.parent?.put(tensor);
    this.graph.initializers[at] = tensor;
    this.tensors.set(name, tensor);
  }

  /**
   * Where the graph's list has the constant. The list may have been changed elsewhere: then all places are
   * found anew.
   */
  private placeOf(name: string): number | undefined {
    if (!this.tensors.has(name)) return undefined;
    const { initializers } = this.graph;
    const known = this.places.get(name);
    if (known !== undefined && initializers[known]?.name === name) return known;
    this.places.clear();
    initializers.forEach((tensor, at) => this.places.set(tensor.name ?? "", at));
    return this.places.get(name);
  }

  /** Whether one node of the graph stands before another. */
  isBefore(node: Node, other: Node): boolean {
    return this.order.indexOf(node) < this.order.indexOf(other);
  }

  /**
   * Lets the graph hand out `to` wherever it handed out `from`; for bodies, whose outputs count by their
   * place.
   */
  renameOutput(from: string, to: string): void {
    for (const output of this.graph.outputs) if (output.name === from) output.name = to;
    this.outputs = undefined;
  }

  /** Removes constants of this graph by name; the caller sees to it that nothing uses them. */
  removeInitializers(names: ReadonlySet<string>): void {
    this.graph.initializers = this.graph.initializers.filter((t) => !names.has(t.name ?? ""));
    for (const name of names) this.tensors.delete(name);
    if ([...names].some((name) => this.graphInputs.has(name))) {
      this.graph.inputs = this.graph.inputs.filter((input) => !names.has(input.name));
      for (const name of names) this.graphInputs.delete(name);
    }
  }

  /** Puts `nodes` before `anchor`, or at the end when it is undefined. */
  insertBefore(anchor: Node | undefined, ...nodes: Node[]): void {
    this.order.insert(anchor ? this.order.indexOf(anchor) : this.graph.nodes.length, nodes);
    for (const node of nodes) this.link(node);
  }

  insertAfter(anchor: Node, ...nodes: Node[]): void {
    this.order.insert(this.order.indexOf(anchor) + 1, nodes);
    for (const node of nodes) this.link(node);
  }

  removeNodes(...nodes: Node[]): void {
    const gone = new Set(nodes);
    this.order.remove(gone);
    for (const node of gone) this.unlink(node);
  }

  /** Puts `replacements` where `node` stood, and records that they came of it. */
  replaceNode(node: Node, ...replacements: Node[]): void {
    this.insertBefore(node, ...replacements);
    this.removeNodes(node);
    for (const replacement of replacements) this.recordDescent(nodeLabel(node), nodeLabel(replacement));
    for (const replacement of replacements) this.link(replacement);
  }

  setInput(node: Node, index: number, name: string): void {
    this.unlink(node);
    while (node.inputs.length < index) node.inputs.push("");
    node.inputs[index] = name;
    this.link(node);
  }

  /** Sets all inputs at once. */
  setInputs(node: Node, names: readonly string[]): void {
    this.unlink(node);
    node.inputs = [...names];
    this.link(node);
  }

  /** Renames an output; a node that has its name from it is recorded under the new one. */
  setOutput(node: Node, index: number, name: string): void {
    const label = (node.outputs[index] ?? "") === "" || name === "" ? undefined : nodeLabel(node);
    this.unlink(node);
    node.outputs[index] = name;
    this.link(node);
    if (label !== undefined) this.recordDescent(label, nodeLabel(node));
  }

  /** Every use of `from` in this graph and its bodies becomes `to`. Graph outputs keep their names. */
  replaceUses(from: string, to: string, except?: ReadonlySet<Node>): void {
    for (const node of this.consumers(from)) {
      if (except?.has(node)) continue;
      this.unlink(node);
      for (const body of renameInputs(node, from, to)) this.whole.editors.get(body)?.forgetOutputs();
      this.link(node);
    }
  }

  /**
   * The same for many names at once, each of which becomes what the map has for it. A node that uses many
   * of them is edited once: one by one, each edit would walk all its inputs.
   */
  replaceAllUses(names: ReadonlyMap<string, string>): void {
    const users = new Set<Node>();
    for (const from of names.keys()) for (const user of this.users.get(from) ?? []) users.add(user);
    for (const node of users) {
      this.unlink(node);
      const captured = subgraphsOf(node).length > 0 ? [...capturedNames(node)] : [];
      node.inputs = node.inputs.map((name) => names.get(name) ?? name);
      for (const from of captured) {
        const to = names.get(from);
        if (to === undefined) continue;
        for (const body of renameInputs(node, from, to)) this.whole.editors.get(body)?.forgetOutputs();
      }
      this.link(node);
    }
  }

  private forgetOutputs(): void {
    this.outputs = undefined;
  }

  private link(node: Node): void {
    for (const output of node.outputs)
      if (output !== "") {
        this.producers.set(output, node);
        this.whole.names.add(output);
      }
    for (const name of usedNames(node)) {
      const users = this.users.get(name);
      if (users) users.add(node);
      else this.users.set(name, new Set([node]));
    }
  }

  private unlink(node: Node): void {
    for (const output of node.outputs) if (this.producers.get(output) === node) this.producers.delete(output);
    for (const name of usedNames(node)) this.users.get(name)?.delete(node);
  }
}

function usedNames(node: Node): Set<string> {
  const used = new Set(node.inputs);
  used.delete("");
  if (node.attributes.some((a) => a.g ?? a.graphs)) for (const name of capturedNames(node)) used.add(name);
  return used;
}

/**
 * Renames a use in the node and, where nothing in between binds the same name, in its bodies. Returns the
 * bodies it went through.
 */
function renameInputs(node: Node, from: string, to: string): Graph[] {
  node.inputs = node.inputs.map((input) => (input === from ? to : input));
  const open = subgraphsOf(node).filter((body) => !bindsName(body, from));
  for (const body of open) for (const output of body.outputs) if (output.name === from) output.name = to;
  return open.concat(open.flatMap((body) => body.nodes.flatMap((inner) => renameInputs(inner, from, to))));
}

function collectNames(
  scope: { nodes: Node[]; inputs: readonly (ValueInfo | string)[]; initializers?: Tensor[] },
  names: UniqueNames,
): void {
  for (const input of scope.inputs) names.add(typeof input === "string" ? input : input.name);
  for (const tensor of scope.initializers ?? []) names.add(tensor.name ?? "");
  for (const node of scope.nodes) {
    if (node.name) names.add(node.name);
    for (const output of node.outputs) names.add(output);
  }
}

/** Total number of nodes in a graph and its bodies. */
export function countNodes(graph: Graph): number {
  let count = 0;
  for (const g of nestedGraphs(graph)) count += g.nodes.length;
  return count;
}
