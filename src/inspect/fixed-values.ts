/**
 * Finds values of a graph that are known before it runs: constants, and values computed only from constants.
 */
import type { GraphEditor, Node, Tensor } from "../ir/index.js";
import { constantNodes } from "./scopes.js";

/**
 * Most names searched for one value. Unpacking a weight takes about twenty; a hostile model may chain
 * thousands.
 */
const MAX_NAMES = 512;

export class FixedValues {
  /** Nodes that compute only from constants, such as those that unpack a stored weight. */
  readonly nodes: ReadonlySet<Node>;
  private readonly initializers: ReadonlyMap<string, Tensor>;

  /** @param parent the fixed values of the graph around a body */
  constructor(
    readonly editor: GraphEditor,
    private readonly parent: FixedValues | undefined,
  ) {
    this.initializers = new Map(editor.graph.initializers.map((tensor) => [tensor.name ?? "", tensor]));
    this.nodes = constantNodes(
      { nodes: editor.graph.nodes },
      (name) => this.ownerOf(name, new Set()) !== undefined,
    );
  }

  /** The graph (this one or one around it) that defines the name as a fixed value. */
  owner(name: string): FixedValues | undefined {
    return this.ownerOf(name, this.nodes);
  }

  private ownerOf(name: string, nodes: ReadonlySet<Node>): FixedValues | undefined {
    const producer = this.editor.producer(name);
    if (producer) return nodes.has(producer) ? this : undefined;
    if (this.initializers.has(name)) return this.editor.constant(name) ? this : undefined;
    if (this.editor.input(name)) return undefined;
    return this.parent?.owner(name);
  }

  /** The constant of that name in this graph, even if it is only a default of an input. */
  held(name: string): Tensor | undefined {
    return this.initializers.get(name);
  }

  /**
   * The constants that a fixed value of this graph or those around it is computed from, each once; not all if
   * there are hundreds.
   */
  constantsOf(name: string): Tensor[] {
    const found = new Set<Tensor>();
    const seen = new Set<string>([name]);
    // Iterating over a growing set, which avoids a stack.
    for (const each of seen) {
      if (seen.size > MAX_NAMES) break;
      const owner = this.owner(each);
      const producer = owner?.editor.producer(each);
      const tensor = producer ? undefined : owner?.editor.constant(each);
      if (tensor) found.add(tensor);
      if (owner === this) for (const input of producer?.inputs ?? []) if (input !== "") seen.add(input);
      if (owner && owner !== this && producer) for (const outer of owner.constantsOf(each)) found.add(outer);
    }
    return [...found];
  }
}

/** Fixed values of every graph, outermost first, as in `GraphEditor.forModel`. */
export function fixedValues(editors: readonly GraphEditor[]): Map<GraphEditor, FixedValues> {
  const found = new Map<GraphEditor, FixedValues>();
  for (const editor of editors)
    found.set(editor, new FixedValues(editor, editor.parent && found.get(editor.parent)));
  return found;
}
