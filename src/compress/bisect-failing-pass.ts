/**
 * Finds the pass that breaks the model by bisection: the plan runs up to a pass in the middle, again and
 * again.
 */
import { take } from "../data/index.js";
import { EdgecError } from "../errors.js";
import type { Statistics } from "../numeric/statistics.js";
import { readModel, writeModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { EndedFromOutside, openRemote, type RemoteRuntime } from "../runtime/index.js";
import { compareOutputs, factsOf } from "../verify/index.js";
import { brokenOutputs, expectationOf, type Expectation } from "./output-sanity.js";
import { releaseMemory } from "../release-memory.js";
import { reasonOf } from "../run/model-fault.js";
import { applyPlan, type CandidateContext } from "./candidate.js";
import type { Plan } from "../plan/plan-types.js";

export interface FailingPass {
  readonly name: string;
  /** What is wrong from this pass on. */
  readonly reason: string;
  /** Whether the pass itself threw, instead of breaking the model. */
  readonly threw?: boolean;
}

/** Samples that the models are compared on at each step. */
const SAMPLES = 8;
/** Error codes that mean the model is broken; any other comes from the environment. */
const BROKEN: readonly string[] = ["PASS_FAILED", "BAD_MODEL", "MODEL_REJECTED", "RUNTIME_CRASHED"];

/**
 * The first pass after which the model is invalid, does not load or run, or gives broken outputs. Undefined
 * if the whole plan shows no fault on the first samples, or if even a copy of the original shows one, as a
 * model that draws random numbers does.
 * @param recorded statistics of the run that failed; nothing is measured again
 */
export async function findFailingPass(
  context: CandidateContext,
  plan: Plan,
  recorded: Map<string, Statistics>,
): Promise<FailingPass | undefined> {
  const trials = new Trials(context, plan, recorded);
  try {
    return await bisect(plan, trials);
  } finally {
    await trials.close();
  }
}

interface ExactPart {
  /** Names of the passes that changed the model. */
  readonly changed: ReadonlySet<string>;
  /** The file of the model before its first lossy pass, if it was kept. */
  readonly exact: string | undefined;
}

/**
 * The first exact pass that breaks the model, where so much was lost that it may hide behind the lossy ones.
 * The result itself shows no fault, so one trial settles most cases: the plan up to its first lossy pass. Not even
 * that is run where no exact pass has changed the model.
 */
export async function findHiddenFault(
  context: CandidateContext,
  plan: Plan,
  recorded: Map<string, Statistics>,
  { changed, exact: file }: ExactPart,
): Promise<FailingPass | undefined> {
  const passes = plan.flatMap((step) => step.passes);
  const lossy = passes.findIndex((pass) => pass.lossy);
  const last = passes.slice(0, Math.max(lossy, 0)).findLastIndex(({ name }) => changed.has(name));
  if (last < 0) return undefined;
  const exact = prefixOf(plan, last + 1);
  const trials = new Trials(context, exact, recorded);
  try {
    const fault =
      file === undefined ? await trials.faultAfter(last + 1, true) : await trials.faultIn(file, exact);
    return fault === undefined ? undefined : await bisect(exact, trials);
  } finally {
    await trials.close();
  }
}

async function bisect(plan: Plan, trials: Trials): Promise<FailingPass | undefined> {
  const passes = plan.flatMap((step) => step.passes);
  if ((await trials.faultAfter(0)) !== undefined) return undefined;
  // Exact passes must not change the outputs, so look for a fault among them before loss hides it.
  const exact = passes.findIndex((pass) => pass.lossy);
  const isAmongExact = exact > 0 && (await trials.faultAfter(exact)) !== undefined;
  let good = isAmongExact || exact < 0 ? 0 : exact;
  let bad = isAmongExact ? exact : passes.length;
  let reason = await trials.faultAfter(bad);
  if (reason === undefined) return undefined;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const fault = await trials.faultAfter(middle);
    if (fault === undefined) good = middle;
    else [bad, reason] = [middle, fault];
  }
  return { name: passes[bad - 1]!.name, reason };
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

/** Runs the plan up to some pass and checks the result. */
class Trials {
  private runtime: RemoteRuntime | undefined;
  private tried = 0;

  constructor(
    private readonly context: CandidateContext,
    private readonly plan: Plan,
    private readonly recorded: Map<string, Statistics>,
  ) {}

  /**
   * What is wrong with the model after `count` passes; undefined if nothing is.
   * @param outputsOnly a model that is invalid shows only where the runtime refuses it
   */
  async faultAfter(count: number, outputsOnly = false): Promise<string | undefined> {
    const { context } = this;
    const plan = prefixOf(this.plan, count);
    return this.faultOf(async () => {
      const model = context.read();
      // The result of a part of the plan must not be kept as the best so far.
      await applyPlan({ ...context, logger: {}, bestSoFar: undefined }, model, plan, this.recorded);
      const path = await context.files.path("trial");
      writeModel(model, path);
      if (!outputsOnly) assertSound(readModel(path), "read back", context.undescribed);
      return this.outputFault(path, expectationOf(model, plan));
    });
  }

  /** The same of a file that such a part of the plan has made. */
  faultIn(path: string, plan: Plan): Promise<string | undefined> {
    return this.faultOf(() => {
      const expectation = this.expected(path, plan);
      releaseMemory();
      return this.outputFault(path, expectation);
    });
  }

  private expected(path: string, plan: Plan): Expectation {
    const model = readModel(path);
    factsOf(path, model);
    assertSound(model, "after the exact passes", this.context.undescribed);
    return expectationOf(model, plan);
  }

  private async faultOf(find: () => Promise<string | undefined>): Promise<string | undefined> {
    this.context.logger.progress?.({ step: "find the pass that broke the model", done: this.tried++ });
    try {
      return await find();
    } catch (error) {
      if (error instanceof EndedFromOutside) throw error;
      if (error instanceof EdgecError && BROKEN.includes(error.code)) return reasonOf(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.runtime?.close();
    this.runtime = undefined;
  }

  private async outputFault(path: string, expectation: Expectation): Promise<string | undefined> {
    const {
      options,
      referencePath,
      name,
      data: { evaluation, isMadeUp },
    } = this.context;
    const runtime = options.verify === false ? undefined : await this.open();
    if (!runtime) return undefined;
    if (!evaluation) {
      await (await runtime.open(path, { label: "the model" })).release();
      return undefined;
    }
    const { fidelity } = await compareOutputs({
      original: referencePath,
      compressed: path,
      names: [name, "the model"],
      originalBytes: (await this.context.originalSizes()).raw,
      fidelityData: take(evaluation, SAMPLES),
      ...(isMadeUp ? { comparedBefore: evaluation } : {}),
      runtime,
    });
    return brokenOutputs(fidelity, expectation);
  }

  /** A runtime, restarted after a crash; undefined when none is installed. */
  private async open(): Promise<RemoteRuntime | undefined> {
    if (this.runtime && this.runtime.pid === undefined) await this.close();
    try {
      return (this.runtime ??= await openRemote());
    } catch (error) {
      if (error instanceof EdgecError && error.code === "RUNTIME_MISSING") return undefined;
      throw error;
    }
  }
}
