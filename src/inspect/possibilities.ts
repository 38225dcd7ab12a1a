/**
 * Finds what the lossy passes could do with each node, and why not: tries each on a copy of the cleaned-up
 * model and uses the pass's own report. The copy shares constants; passes never write into them.
 */
import { isDeepStrictEqual } from "node:util";
import { takeTurn, throwIfAborted } from "../abort.js";
import { copyModel, GraphEditor, nodeLabel, type Model } from "../ir/index.js";
import {
  Statistics,
  type Histogram,
  type StatisticOf,
  type StatisticRequest,
} from "../numeric/statistics.js";
import type { Compute, ConstantEvaluator, Pass, PassContext, PassResult } from "../passes/contract.js";
import { PREPARATION } from "../plan/recipe.js";
import { findPass, PASSES } from "../plan/registry.js";
import type { Possibility } from "./inspection.js";

export interface Trial {
  readonly possibilities: readonly Possibility[] | null;
  readonly warnings: readonly string[];
}

const MAX_ROUNDS = 10;

interface TrialTools {
  /** Folds constants as `compress` does; without it, computed weights cannot be examined. */
  readonly evaluator?: ConstantEvaluator | undefined;
  readonly compute?: Compute;
  readonly progress?: (done: number, total: number) => void;
}

export async function tryPasses(
  model: Model,
  { evaluator, compute, progress }: TrialTools = {},
): Promise<Trial> {
  const possibilities: Possibility[] = [];
  const warnings: string[] = [];
  const clean = copyModel(model);
  const context: PassContext = {
    statistics: undefined,
    evaluator,
    seed: 0,
    advance: takeTurn,
    ...(compute ? { compute } : {}),
  };
  await cleanUp(clean, context);
  const nodeOf = nodesByStatus(clean);
  const tried = PASSES.filter(({ lossy }) => lossy);
  for (const [index, registered] of tried.entries()) {
    progress?.(index, tried.length);
    await takeTurn();
    const { name } = registered;
    const pass = registered.bind();
    try {
      const plain = (await tryPass(pass, clean, context)).nodes;
      const calibrated = canAssume(pass, clean)
        ? (await tryPass(pass, clean, { ...context, statistics: new AssumedStatistics() })).nodes
        : plain;
      if (!isDeepStrictEqual(plain, calibrated))
        possibilities.push(
          ...calibrated.map((status) => ({
            pass: name,
            calibrated: true,
            node: nodeOf(status.name),
            ...status,
          })),
        );
      possibilities.push(
        ...plain.map((status) => ({ pass: name, calibrated: false, node: nodeOf(status.name), ...status })),
      );
    } catch (error) {
      throwIfAborted();
      warnings.push(`${name} could not be tried: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { possibilities, warnings };
}

/** Some passes name a constant, which maps to the node that uses it. */
function nodesByStatus(model: Model): (name: string) => string | null {
  const nodes = new Map<string, string>();
  const editors = GraphEditor.forModel(model);
  for (const editor of editors) {
    for (const { name = "" } of editor.graph.initializers) {
      const [user] = editor.consumers(name);
      if (user) nodes.set(name, nodeLabel(user));
    }
  }
  for (const { graph } of editors)
    for (const node of graph.nodes) nodes.set(nodeLabel(node), nodeLabel(node));
  return (name) => nodes.get(name) ?? null;
}

async function cleanUp(model: Model, context: PassContext): Promise<void> {
  const passes = PREPARATION.map((name) => findPass(name).bind());
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let modified = false;
    for (const pass of passes) modified = (await pass.run(model, context)).modified || modified;
    if (!modified) return;
  }
}

async function tryPass(pass: Pass, clean: Model, context: PassContext): Promise<PassResult> {
  return pass.run(copyModel(clean), context);
}

/**
 * Whether the statistics that the pass needs can be assumed: ranges decide where it applies, second moments
 * only how well.
 */
function canAssume(pass: Pass, model: Model): boolean {
  return pass.statistics(model).every(({ kind }) => kind === "histogram" || kind === "range");
}

/** Statistics as if every tensor had values from -1 to 1. Statistics that need real data stay absent. */
class AssumedStatistics extends Statistics {
  override get<R extends StatisticRequest>(request: R): StatisticOf[R["kind"]] | undefined {
    const answer =
      request.kind === "histogram"
        ? histogram(request.bins ?? 2048)
        : request.kind === "range"
          ? { min: -1, max: 1, count: 1 }
          : undefined;
    return answer as StatisticOf[R["kind"]] | undefined;
  }
}

function histogram(bins: number): Histogram {
  return { min: -1, max: 1, counts: new Float64Array(bins).fill(1), count: bins };
}
