/** Which values of a graph are known before it runs: constants, and what is computed from constants alone. */
import type { GraphEditor, Node, Tensor } from "../ir/index.js";
import { constantNodes } from "./scopes.js";

/**
 * Names looked through for one value. What unpacks a weight takes some twenty; a model made to hurt chains
 * thousands.
 */
const MOST_NAMES = 512;

export class FixedValues {
  /** Nodes that compute from constants alone, such as those that unpack a stored weight. */
  readonly nodes: ReadonlySet<Node>;
  private readonly initializers: ReadonlyMap<string, Tensor>;

  /** @param parent those of the graph around a body */
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

  /** The graph, this one or one around it, of which the name is a fixed value. */
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

  /** The constant of that name in this graph, be it only a default of an input. */
  held(name: string): Tensor | undefined {
    return this.initializers.get(name);
  }

  /**
   * The constants that a fixed value of this graph or those around it is made of, each once; some, where
   * they are hundreds.
   */
  constantsOf(name: string): Tensor[] {
    const found = new Set<Tensor>();
    const seen = new Set<string>([name]);
    // A set grows while it is walked, which spares a stack.
    for (const each of seen) {
      if (seen.size > MOST_NAMES) break;
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

/** Of every graph, outermost first, as `GraphEditor.forModel` has them. */
export function fixedValues(editors: readonly GraphEditor[]): Map<GraphEditor, FixedValues> {
  const found = new Map<GraphEditor, FixedValues>();
  for (const editor of editors)
    found.set(editor, new FixedValues(editor, editor.parent && found.get(editor.parent)));
  return found;
}
