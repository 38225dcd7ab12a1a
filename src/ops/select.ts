/** Pointing at nodes and constants by name, pattern, operator type or position. */
import { EdgecError, suggestion } from "../errors.js";
import { nestedGraphs, nodeLabel, type Model, type Node } from "../ir/index.js";

/** What selectors point at. */
export class NodeSelection {
  constructor(private readonly nodes: ReadonlySet<Node>, private readonly constants: ReadonlySet<string>) {}

  /** Whether the node itself or the constant is meant. */
  has(node: Node, constant?: string): boolean {
    return this.nodes.has(node) || (constant !== undefined && this.constants.has(constant));
  }
}

/**
 * Finds what each selector points at, in the main graph and the bodies of If, Loop and Scan. A selector is, in this order:
 * the name of a node (of its first output when it has none) or of a constant; `#3`, the node at that index of the
 * main graph; an operator type; a pattern of names in which * stands for any text and ? for any character.
 * Throws EdgecError UNMATCHED_SELECTOR, with the nearest name, for one that points at nothing.
 * @param user who asks, for the message: the name of a pass
 */
export function selectNodes(model: Model, selectors: readonly string[], user: string): NodeSelection {
  const nodes: Node[] = [];
  const constants: string[] = [];
  for (const graph of nestedGraphs(model.graph)) {
    nodes.push(...graph.nodes);
    constants.push(...graph.initializers.map((tensor) => tensor.name ?? ""));
  }
  const chosen = new Set<Node>();
  const chosenConstants = new Set<string>();
  for (const selector of selectors) {
    const matches = matcher(selector, nodes, constants, model.graph.nodes);
    if (matches.nodes.length + matches.constants.length === 0) throw unmatched(selector, nodes, constants, user);
    for (const node of matches.nodes) chosen.add(node);
    for (const name of matches.constants) chosenConstants.add(name);
  }
  return new NodeSelection(chosen, chosenConstants);
}

interface Matches { readonly nodes: readonly Node[]; readonly constants: readonly string[] }

function matcher(selector: string, nodes: readonly Node[], constants: readonly string[], main: readonly Node[]): Matches {
  const named = { nodes: nodes.filter((node) => nodeLabel(node) === selector), constants: constants.filter((name) => name === selector) };
  if (named.nodes.length + named.constants.length > 0) return named;
  if (/^#\d+$/.test(selector)) return { nodes: main.slice(Number(selector.slice(1))).slice(0, 1), constants: [] };
  const ofType = nodes.filter((node) => node.opType === selector);
  if (ofType.length > 0) return { nodes: ofType, constants: [] };
  if (!/[*?]/.test(selector)) return { nodes: [], constants: [] };
  const pattern = globPattern(selector);
  return { nodes: nodes.filter((node) => pattern.test(nodeLabel(node))), constants: constants.filter((name) => pattern.test(name)) };
}

function globPattern(glob: string): RegExp {
  const source = glob.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll(/\*+/g, ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s");
}

function unmatched(selector: string, nodes: readonly Node[], constants: readonly string[], user: string): EdgecError {
  const hint = suggestion(selector, new Set([...nodes.map(nodeLabel), ...nodes.map((node) => node.opType), ...constants]));
  return new EdgecError(
    "UNMATCHED_SELECTOR",
    `${user}: "${selector}" is no node, constant or operator type of the model.${hint} A name, an operator type, #index or a pattern with * and ? is accepted.`,
  );
}
