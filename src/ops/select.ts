/** Selects nodes and constants by name, pattern, operator type or position. */
import { EdgecError, suggestion } from "../errors.js";
import { textList } from "../option-checks.js";
import { requireArgument } from "../option-keys.js";
import { groupBy } from "../group-by.js";
import { nestedGraphs, nodeLabel, type Model, type Node } from "../ir/index.js";

/** The nodes and constants that selectors match. */
export class NodeSelection {
  constructor(
    private readonly nodes: ReadonlySet<Node>,
    private readonly constants: ReadonlySet<string>,
  ) {}

  /** Whether a selector matches the node or the constant. */
  has(node: Node, constant?: string): boolean {
    return this.nodes.has(node) || (constant !== undefined && this.constants.has(constant));
  }
}

/**
 * Finds the matches of each selector, in the main graph and the bodies of If, Loop and Scan. A selector is, in
 * this order: the name of a node (of its first output when it has none) or of a constant; `#3`, the node at
 * that index of the main graph; an operator type; a pattern for names in which * matches any text and ? any
 * character. Throws EdgecError UNMATCHED_SELECTOR, with the nearest name, if a selector matches nothing.
 * @param user the caller, for the message: the name of a pass
 */
export function selectNodes(model: Model, selectors: readonly string[], user: string): NodeSelection {
  requireArgument(user, "the selectors", textList, selectors);
  const chosen = new Set<Node>();
  const chosenConstants = new Set<string>();
  if (selectors.length === 0) return new NodeSelection(chosen, chosenConstants);
  const names = new SelectableNames(model);
  for (const selector of selectors) {
    const matches = names.matches(selector);
    if (matches.nodes.length + matches.constants.length === 0) throw unmatched(selector, names, user);
    for (const node of matches.nodes) chosen.add(node);
    for (const name of matches.constants) chosenConstants.add(name);
  }
  return new NodeSelection(chosen, chosenConstants);
}

interface Matches {
  readonly nodes: readonly Node[];
  readonly constants: readonly string[];
}

/** Nodes indexed by name and by type: a search for nodes to leave in float selects thousands of nodes at a time. */
class SelectableNames {
  readonly byLabel: ReadonlyMap<string, readonly Node[]>;
  readonly byType: ReadonlyMap<string, readonly Node[]>;
  readonly constants: ReadonlySet<string>;

  constructor(private readonly model: Model) {
    const graphs = [...nestedGraphs(model.graph)];
    const nodes = graphs.flatMap((graph) => graph.nodes);
    this.byLabel = groupBy(nodes, nodeLabel);
    this.byType = groupBy(nodes, ({ opType }) => opType);
    this.constants = new Set(graphs.flatMap(({ initializers }) => initializers.map(({ name = "" }) => name)));
  }

  matches(selector: string): Matches {
    const named = {
      nodes: this.byLabel.get(selector) ?? [],
      constants: this.constants.has(selector) ? [selector] : [],
    };
    if (named.nodes.length + named.constants.length > 0) return named;
    if (/^#\d+$/.test(selector))
      return { nodes: this.model.graph.nodes.slice(Number(selector.slice(1))).slice(0, 1), constants: [] };
    const ofType = this.byType.get(selector);
    if (ofType) return { nodes: ofType, constants: [] };
    if (!/[*?]/.test(selector)) return { nodes: [], constants: [] };
    const pattern = globPattern(selector);
    return {
      nodes: [...this.byLabel].flatMap(([label, nodes]) => (pattern.test(label) ? nodes : [])),
      constants: [...this.constants].filter((name) => pattern.test(name)),
    };
  }
}

function globPattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/\*+/g, ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s");
}

function unmatched(
  selector: string,
  { byLabel, byType, constants }: SelectableNames,
  user: string,
): EdgecError {
  const hint = suggestion(selector, new Set([...byLabel.keys(), ...byType.keys(), ...constants]));
  return new EdgecError(
    "UNMATCHED_SELECTOR",
    `${user}: "${selector}" does not match any node, constant or operator type of the model.${hint} Give a ` +
      "name, an operator type, #index, or a pattern with * and ?.",
  );
}
