/** Which pass of a plan breaks the model, found by bisection: the same plan is carried through up to a pass in the middle. */
import { take } from "../data/index.js";
import { EdgecError } from "../errors.js";
import { allNodes, allTensors, DataType, type Model } from "../ir/index.js";
import type { Statistics } from "../numeric/statistics.js";
import { readModel, writeModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { openRemote } from "../runtime/index.js";
import { compareOutputs } from "../verify/index.js";
import { brokenOutputs, type Expectation } from "./broken-outputs.js";
import { applyPlan, type CandidateContext } from "./candidate.js";
import type { Plan } from "./plan.js";

export interface GuiltyPass {
  readonly name: string;
  /** What is wrong from this pass on. */
  readonly reason: string;
}

/** Samples that the models are compared on at each step. */
const SAMPLES = 8;
/** What says of a model that it is broken, where anything else is a fault of the surroundings. */
const BROKEN: readonly string[] = ["PASS_FAILED", "BAD_MODEL", "MODEL_REJECTED", "RUNTIME_CRASHED"];

/**
 * The first pass from which on the model is invalid, does not load or run, or gives broken outputs. Undefined when the
 * whole plan shows no fault on the first samples, or when a copy of the original shows one already, as a model that draws
 * random numbers does.
 * @param recorded statistics of the run that failed; nothing is measured anew
 */
export async function findGuiltyPass(context: CandidateContext, plan: Plan, recorded: Map<string, Statistics>): Promise<GuiltyPass | undefined> {
  const passes = plan.flatMap((step) => step.passes);
  const faults = new Map<number, string | undefined>();
  const faultAfter = async (count: number): Promise<string | undefined> => {
    if (!faults.has(count)) faults.set(count, await prefixFault(context, prefixOf(plan, count), recorded));
    return faults.get(count);
  };
  if (await faultAfter(0) !== undefined) return undefined;
  // Exact passes are held to equality, so a fault among them must be looked for before loss covers it.
  const exact = passes.findIndex((pass) => pass.lossy);
  const isAmongExact = exact > 0 && await faultAfter(exact) !== undefined;
  let good = isAmongExact || exact < 0 ? 0 : exact;
  let bad = isAmongExact ? exact : passes.length;
  if (await faultAfter(bad) === undefined) return undefined;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (await faultAfter(middle) === undefined) good = middle;
    else bad = middle;
  }
  return { name: passes[bad - 1]!.name, reason: faults.get(bad)! };
}

/** The plan up to and with its first `count` passes. */
export function prefixOf(plan: Plan, count: number): Plan {
  let left = count;
  return plan.flatMap((step) => {
    const passes = step.passes.slice(0, left);
    left -= passes.length;
    return passes.length > 0 ? [{ ...step, passes }] : [];
  });
}

async function prefixFault(context: CandidateContext, plan: Plan, recorded: Map<string, Statistics>): Promise<string | undefined> {
  try {
    const model = context.read();
    await applyPlan({ ...context, logger: {} }, model, plan, recorded);
    const path = await context.files.path("trial");
    writeModel(model, path);
    assertSound(readModel(path), "read back", context.undescribed);
    return await outputFault(context, path, { isExact: isExact(plan), isCoarse: isCoarse(model) });
  } catch (error) {
    if (error instanceof EdgecError && BROKEN.includes(error.code)) return error.message;
    throw error;
  }
}

async function outputFault({ options, originalPath, data }: CandidateContext, path: string, expectation: Expectation): Promise<string | undefined> {
  if (options.verify === false) return undefined;
  const runtime = await openRemote().catch((error: unknown) => {
    if (error instanceof EdgecError && error.code === "RUNTIME_MISSING") return undefined;
    throw error;
  });
  try {
    if (!data.evaluation) await (await runtime?.open(path))?.release();
    if (!runtime || !data.evaluation) return undefined;
    const { fidelity } = await compareOutputs({ original: originalPath, compressed: path, fidelityData: take(data.evaluation, SAMPLES), runtime });
    return brokenOutputs(fidelity, expectation);
  } finally {
    await runtime?.close();
  }
}

export function isExact(plan: Plan): boolean {
  return plan.every((step) => step.passes.every((pass) => !pass.lossy));
}

/** Whether the model computes in half precision or in codes, so that a rounding of the last bit may show. */
export function isCoarse(model: Model): boolean {
  for (const { dataType } of allTensors(model)) if (dataType === DataType.FLOAT16 || dataType === DataType.BFLOAT16) return true;
  for (const { opType } of allNodes(model)) if (opType.includes("QuantizeLinear")) return true;
  return false;
}
