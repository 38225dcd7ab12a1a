/** Runs planned passes over a model: measures what each asks for, times it, and says which one failed. */
import { calibrate } from "../calibration/calibrate.js";
import type { Dataset } from "../data/dataset.js";
import type { Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { assertSound } from "../ops/check-operators.js";
import { Statistics } from "../numeric/statistics.js";
import type { ConstantEvaluator, Pass, PassResult } from "../passes/contract.js";
import { encodeModelBytes } from "../onnx/index.js";
import { PassLedger, type RunResult } from "./pass-ledger.js";
import type { Plan, PlannedStep } from "./plan.js";

export interface RunOptions {
  /** Where statistics come from; without it passes get none. */
  readonly dataset?: Dataset | undefined;
  readonly evaluator?: ConstantEvaluator | undefined;
  readonly logger: Logger;
  readonly seed: number;
  readonly threads: number;
  /** Statistics of an earlier run, to take instead of measuring (see `RunResult.statistics`). What is measured is added. */
  readonly recorded?: Map<string, Statistics>;
  /** Validates the model after every pass. */
  readonly debug?: boolean;
  /** With `debug`: takes the bytes of the model as it was before a pass that failed, and says where it was put. */
  readonly dump?: (model: Uint8Array, passName: string) => Promise<string>;
}

/** A pass that threw, or with `debug` left an invalid model. */
export class PassFailure extends EdgecError {
  constructor(readonly pass: string, message: string, options: { cause: unknown }) {
    super("PASS_FAILED", message, options);
  }
}

/** Rounds of a step that runs until stable. Each removes something, so real models need two or three. */
const MAX_ROUNDS = 10;

/**
 * Changes `model` in place. An EdgecError of a pass is thrown as it is; anything else becomes PassFailure
 * that names the pass and those that ran before it. The model must not be used after a failure.
 */
export async function runPasses(model: Model, plan: Plan, options: RunOptions): Promise<RunResult> {
  const ledger = new PassLedger();
  for (const step of plan) await runStep(model, step, options, ledger);
  return ledger.result();
}

async function runStep(model: Model, step: PlannedStep, options: RunOptions, ledger: PassLedger): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let modified = false;
    for (const pass of step.passes) modified = (await runPass(model, pass, options, ledger)) || modified;
    if (!step.untilStable || !modified) return;
  }
}

async function runPass(model: Model, pass: Pass, options: RunOptions, ledger: PassLedger): Promise<boolean> {
  options.logger.progress?.({ step: pass.name, done: 0 });
  options.logger.debug?.(`running ${pass.name}`);
  const before = options.debug === true ? encodeModelBytes(model) : undefined;
  const start = performance.now();
  let result: PassResult;
  try {
    const statistics = await measure(model, pass, options, ledger);
    result = await pass.run(model, { statistics, evaluator: options.evaluator, seed: options.seed });
    if (options.debug === true) assertSound(model, `after the pass "${pass.name}"`);
  } catch (cause) {
    throw await passFailure(cause, pass, ledger, before, options);
  }
  ledger.add(pass, result, performance.now() - start);
  return result.modified;
}

async function measure(model: Model, pass: Pass, options: RunOptions, ledger: PassLedger): Promise<Statistics | undefined> {
  const { dataset, threads, logger, recorded } = options;
  const requests = pass.statistics(model);
  if (requests.length > 0) ledger.askedForData = true;
  if (dataset === undefined) return undefined;
  // Empty rather than absent: a pass must not tell a user to give data who has given some.
  if (requests.length === 0) return new Statistics();
  const key = ledger.statisticsKey(pass);
  const statistics = recorded?.get(key) ?? await calibrate({ model, dataset, requests, threads, logger });
  ledger.statistics.set(key, statistics);
  recorded?.set(key, statistics);
  return statistics;
}

async function passFailure(cause: unknown, pass: Pass, ledger: PassLedger, before: Uint8Array | undefined, options: RunOptions): Promise<EdgecError> {
  const dumped = before && options.dump ? ` The model before it was written to ${await options.dump(before, pass.name)}.` : "";
  const isInvalidModel = cause instanceof EdgecError && cause.code === "BAD_MODEL" && options.debug === true;
  if (cause instanceof EdgecError && !isInvalidModel) return cause;
  const ran = ledger.names();
  const after = ran.length === 0 ? "It was the first pass." : `Passes that ran before it: ${ran.join(", ")}.`;
  return new PassFailure(pass.name, `pass "${pass.name}" failed: ${cause instanceof Error ? cause.message : String(cause)}. ${after}${dumped}`, { cause });
}
