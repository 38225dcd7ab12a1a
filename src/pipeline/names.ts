/** What `--exclude` points at, kept as names while passes add and remove nodes. */
import { makeNode, nestedGraphs, nodeLabel, type Model } from "../ir/index.js";
import { selectNodes } from "../ops/select.js";

/** Stands in where a constant is asked about by itself. */
const NO_NODE = makeNode("", [], []);

/**
 * Names of the nodes and constants that the selectors point at (names, operator types, #index, patterns with * and ?).
 * Throws EdgecError UNMATCHED_SELECTOR, with the nearest name, for one that points at nothing.
 */
export function selectedNames(model: Model, selectors: readonly string[]): string[] {
  if (selectors.length === 0) return [];
  const selection = selectNodes(model, selectors, "--exclude");
  const names = new Set<string>();
  for (const graph of nestedGraphs(model.graph)) {
    for (const node of graph.nodes) if (selection.has(node)) names.add(nodeLabel(node));
    for (const { name = "" } of graph.initializers) if (selection.has(NO_NODE, name)) names.add(name);
  }
  return [...names];
}

/** Those of the names that the model still has: a pass refuses others. */
export function presentNames(model: Model, names: readonly string[]): string[] {
  const present = new Set<string>();
  for (const graph of nestedGraphs(model.graph)) {
    for (const node of graph.nodes) present.add(nodeLabel(node));
    for (const { name = "" } of graph.initializers) present.add(name);
  }
  return names.filter((name) => present.has(name));
}
