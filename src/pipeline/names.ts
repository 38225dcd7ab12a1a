/** The names in a model that a person may point at: nodes by their label, constants by their name. */
import { EdgecError, suggestion } from "../errors.js";
import { nestedGraphs, nodeLabel, type Model } from "../ir/index.js";

/** Labels of all nodes and names of all constants, bodies of If, Loop and Scan included. */
export function selectableNames(model: Model): Set<string> {
  const names = new Set<string>();
  for (const graph of nestedGraphs(model.graph)) {
    for (const node of graph.nodes) names.add(nodeLabel(node));
    for (const tensor of graph.initializers) names.add(tensor.name ?? "");
  }
  return names;
}

/** The names that match any of the patterns, where `*` stands for any text. Patterns that match nothing are passed over. */
export function matchingNames(model: Model, patterns: readonly string[]): string[] {
  const tests = patterns.map(patternTest);
  return [...selectableNames(model)].filter((name) => tests.some((test) => test.test(name)));
}

/** Throws EdgecError UNMATCHED_SELECTOR, with the nearest name, for a pattern that matches nothing in the model. */
export function requireMatches(model: Model, patterns: readonly string[]): void {
  const names = selectableNames(model);
  for (const pattern of patterns) {
    const test = patternTest(pattern);
    if ([...names].some((name) => test.test(name))) continue;
    throw new EdgecError(
      "UNMATCHED_SELECTOR",
      `--exclude "${pattern}" matches no node and no constant of the model.${suggestion(pattern, names)} "edgec inspect --nodes" lists the names; * stands for any text.`,
    );
  }
}

function patternTest(pattern: string): RegExp {
  const literal = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literal.join(".*")}$`, "s");
}
