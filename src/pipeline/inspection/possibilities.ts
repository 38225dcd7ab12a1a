/**
 * What the lossy passes could do with each node, and why not: each is tried on a copy of the cleaned-up model, and its own
 * report is taken. Constants are shared with the copy; passes never write into them.
 */
import { copyModel, type Model } from "../../ir/index.js";
import { Statistics, type Histogram, type StatisticOf, type StatisticRequest } from "../../numeric/statistics.js";
import type { ConstantEvaluator, Pass, PassContext, PassResult } from "../../passes/contract.js";
import { CLEAN_UP } from "../recipe.js";
import { findPass, PASSES } from "../registry.js";
import type { Possibility } from "./inspection.js";

export interface Trial { readonly possibilities: readonly Possibility[]; readonly warnings: readonly string[] }

/** Storage is chosen by size alone and has nothing to say about single nodes. */
const BEFORE: readonly string[] = [...CLEAN_UP, "upgrade-opset"];
const MAX_ROUNDS = 10;

/** @param evaluator folds constants as compressing would; without it weights that are computed stay out of reach */
export async function tryPasses(model: Model, evaluator?: ConstantEvaluator): Promise<Trial> {
  const possibilities: Possibility[] = [];
  const warnings: string[] = [];
  const clean = copyModel(model);
  await cleanUp(clean, { statistics: undefined, evaluator, seed: 0 });
  for (const { name, lossy, bind } of PASSES) {
    if (!lossy) continue;
    const pass = bind();
    for (const calibrated of canAssume(pass, clean) ? [true, false] : [false]) {
      try {
        const { nodes } = await tryPass(pass, clean, calibrated, evaluator);
        possibilities.push(...nodes.map((node) => ({ pass: name, calibrated, ...node })));
      } catch (error) {
        warnings.push(`${name} could not be tried: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return { possibilities, warnings };
}

async function cleanUp(model: Model, context: PassContext): Promise<void> {
  const passes = BEFORE.map((name) => findPass(name).bind());
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let modified = false;
    for (const pass of passes) modified = (await pass.run(model, context)).modified || modified;
    if (!modified) return;
  }
}

async function tryPass(pass: Pass, clean: Model, calibrated: boolean, evaluator: ConstantEvaluator | undefined): Promise<PassResult> {
  return pass.run(copyModel(clean), { statistics: calibrated ? new AssumedStatistics() : undefined, evaluator, seed: 0 });
}

/** Whether what the pass wants measured can be made up: ranges decide where it applies, second moments only how well. */
function canAssume(pass: Pass, model: Model): boolean {
  const requests = pass.statistics(model);
  return requests.some(({ kind }) => kind === "histogram" || kind === "range");
}

/** Answers as if every tensor had been seen with values from -1 to 1; what takes a model's own data stays unanswered. */
class AssumedStatistics extends Statistics {
  override get<R extends StatisticRequest>(request: R): StatisticOf[R["kind"]] | undefined {
    const answer = request.kind === "histogram" ? histogram(request.bins ?? 2048) : request.kind === "range" ? { min: -1, max: 1, count: 1 } : undefined;
    return answer as StatisticOf[R["kind"]] | undefined;
  }
}

function histogram(bins: number): Histogram {
  return { min: -1, max: 1, counts: new Float64Array(bins).fill(1), count: bins };
}
