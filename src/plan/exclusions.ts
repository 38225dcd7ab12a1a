/** What `--exclude` points at, kept as names while passes add, split and remove nodes. */
import { EdgecError } from "../errors.js";
import { makeNode, nestedGraphs, nodeLabel, removedBy, withDerivedNames, type Model } from "../ir/index.js";
import { selectNodes } from "../ops/select.js";
import { option } from "../option-names.js";

/** Stands in where a constant is asked about by itself. */
const NO_NODE = makeNode("", [], []);

/**
 * Names of the nodes and constants that the selectors point at (names, operator types, #index, patterns
 * with * and ?). Throws EdgecError UNMATCHED_SELECTOR, with the nearest name, for one that points at
 * nothing.
 */
function selectedNames(model: Model, selectors: readonly string[]): string[] {
  if (selectors.length === 0) return [];
  const selection = selectNodes(model, selectors, option("exclude"));
  const names = new Set<string>();
  for (const graph of nestedGraphs(model.graph)) {
    for (const node of graph.nodes) if (selection.has(node)) names.add(nodeLabel(node));
    for (const { name = "" } of graph.initializers) if (selection.has(NO_NODE, name)) names.add(name);
  }
  return [...names];
}

/** The names that still exist, plus those derived from them; a pass refuses unknown names. */
function presentNames(model: Model, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const present = new Set(nodeNames(model));
  for (const graph of nestedGraphs(model.graph))
    for (const { name = "" } of graph.initializers) present.add(name);
  return [...withDerivedNames(model, names)].filter((name) => present.has(name));
}

/** Of the main graph and its bodies. */
export function nodeNames(model: Model): Set<string> {
  const names = new Set<string>();
  for (const graph of nestedGraphs(model.graph)) for (const node of graph.nodes) names.add(nodeLabel(node));
  return names;
}

/**
 * The user's exclusions. A selector means what it points at in the file; one that points at nothing there
 * is looked for in the model after the exact steps, whose nodes `sensitivity` and reports name: a layer
 * that was split may be excluded in one of its parts.
 */
export class Exclusions {
  /** What each selector points at in the file. */
  private readonly inFile = new Map<string, readonly string[]>();
  /** Selectors that point at nothing in the file, with the error that says so. */
  private readonly others = new Map<string, EdgecError>();
  private simplified: readonly string[] | undefined;

  /**
   * Throws EdgecError UNMATCHED_SELECTOR for an #index beyond the nodes of the file: later it would count
   * others.
   */
  constructor(
    file: Model,
    readonly selectors: readonly string[],
  ) {
    for (const selector of selectors) {
      try {
        this.inFile.set(selector, selectedNames(file, [selector]));
      } catch (error) {
        if (!(error instanceof EdgecError) || selector.startsWith("#")) throw error;
        this.others.set(selector, error);
      }
    }
  }

  /**
   * The error for the first selector that points at nothing in the file, where no pass will look for it
   * later.
   */
  get unmatched(): EdgecError | undefined {
    return [...this.others.values()][0];
  }

  /**
   * The names to exclude in `model`. The first call must pass the model as the exact steps left it. Throws
   * EdgecError UNMATCHED_SELECTOR for a selector that matches nothing there or in the file, with the nearest
   * name in the file, and for one that matches only what exact steps have removed, with the step.
   */
  in(model: Model): string[] {
    if (!this.simplified) {
      for (const [selector, names] of this.inFile) refuseGone(model, selector, names);
      this.simplified = [...this.others].flatMap(([selector, error]) =>
        selectedLater(model, selector, error),
      );
    }
    return presentNames(model, [...[...this.inFile.values()].flat(), ...this.simplified]);
  }
}

function selectedLater(model: Model, selector: string, inFile: EdgecError): string[] {
  try {
    return selectedNames(model, [selector]);
  } catch (error) {
    throw error instanceof EdgecError ? inFile : error;
  }
}

/** Leaving alone what is no longer there has no effect, which the user must hear of. */
function refuseGone(model: Model, selector: string, names: readonly string[]): void {
  if (names.length === 0 || presentNames(model, names).length > 0) return;
  const [first = ""] = names;
  const pass = names.map((name) => removedBy(model, name)).find((found) => found !== undefined);
  const what = names.length === 1 && first === selector ? `"${selector}"` : `"${selector}" ("${first}", …)`;
  throw new EdgecError(
    "UNMATCHED_SELECTOR",
    `${option("exclude")}: ${what} has no effect, because ` +
      (pass === undefined
        ? "it no longer exists when weights are changed. "
        : `"${pass}" removes it before weights are changed. `) +
      `Remove it from ${option("exclude")}, or name a node that remains.`,
  );
}
