/** Which node of a graph produces each name, and which nodes use it. */
import type { Graph, Node } from "./graph.js";
import { bindsName, capturedNames, subgraphsOf } from "./traverse.js";

/** Nodes are unlinked before a change of their names, and linked again after it. */
export class UseIndex {
  private readonly producers = new Map<string, Node>();
  private readonly users = new Map<string, Set<Node>>();

  producer(name: string): Node | undefined {
    return this.producers.get(name);
  }

  usersOf(name: string): ReadonlySet<Node> {
    return this.users.get(name) ?? NOBODY;
  }

  link(node: Node): void {
    for (const output of node.outputs) if (output !== "") this.producers.set(output, node);
    for (const name of node.inputs) if (name !== "") this.use(name, node);
    if (hasBodies(node)) for (const name of capturedNames(node)) this.use(name, node);
  }

  private use(name: string, node: Node): void {
    const users = this.users.get(name);
    if (users) users.add(node);
    else this.users.set(name, new Set([node]));
  }

  unlink(node: Node): void {
    for (const output of node.outputs) if (this.producers.get(output) === node) this.producers.delete(output);
    for (const name of usedNames(node)) this.users.get(name)?.delete(node);
  }
}

const NOBODY: ReadonlySet<Node> = new Set();

/** Names that a node uses: its inputs and the names that its bodies capture. */
export function usedNames(node: Node): Set<string> {
  const used = new Set(node.inputs);
  used.delete("");
  if (hasBodies(node)) for (const name of capturedNames(node)) used.add(name);
  return used;
}

/** Whether the name is exactly one of the node's inputs, and no body of it uses it. */
export function usesOnceDirectly(node: Node, name: string): boolean {
  return node.inputs.filter((input) => input === name).length === 1 && !capturedNames(node).has(name);
}

function hasBodies({ attributes }: Node): boolean {
  return attributes.some(({ g, graphs }) => g ?? graphs);
}

/** Renames a use in the node and in its bodies, unless a body shadows the name. Returns the changed bodies. */
export function renameInputs(node: Node, from: string, to: string): Graph[] {
  node.inputs = node.inputs.map((input) => (input === from ? to : input));
  const open = subgraphsOf(node).filter((body) => !bindsName(body, from));
  for (const body of open) for (const output of body.outputs) if (output.name === from) output.name = to;
  return open.concat(open.flatMap((body) => body.nodes.flatMap((inner) => renameInputs(inner, from, to))));
}

/** The same for many names at once, as given by the map: the inputs of the node are walked only once. */
export function renameAllInputs(node: Node, names: ReadonlyMap<string, string>): Graph[] {
  const captured = subgraphsOf(node).length > 0 ? [...capturedNames(node)] : [];
  node.inputs = node.inputs.map((name) => names.get(name) ?? name);
  return captured.flatMap((from) => {
    const to = names.get(from);
    return to === undefined ? [] : renameInputs(node, from, to);
  });
}
