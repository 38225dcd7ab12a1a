/**
 * A bug in one pass must not cost the user the whole result. If the result is invalid, is rejected by the
 * runtime or gives broken outputs, the pass that broke it is found, left out and named in a warning; with
 * `safe: false` it is named in an error.
 */
import type { Diagnostic } from "../diagnostics.js";
import { EdgecError, sentence } from "../errors.js";
import type { Statistics } from "../numeric/statistics.js";
import { brokenOutputs, isSuspicious } from "./output-sanity.js";
import { buildCandidate, type Candidate, type CandidateContext } from "./candidate.js";
import { findFailingPass, findHiddenFault, type FailingPass } from "./bisect-failing-pass.js";
import { inWholeStage } from "../stage-clock.js";
import { withoutPass } from "../plan/plan.js";
import { isRegistered } from "../plan/registry.js";
import { reasonOf } from "../run/model-fault.js";
import { PassFailure } from "../run/pass-runner.js";
import type { Plan } from "../plan/plan-types.js";
import { option } from "../option-names.js";

/** If leaving out this many passes does not help, the fault is elsewhere. */
const MAX_LEFT_OUT = 4;

/**
 * Throws EdgecError PASS_FAILED when no pass is to blame, when leaving passes out does not help, or with
 * `safe: false`.
 */
export async function buildWithBisection(
  context: CandidateContext,
  name: string,
  plan: Plan,
): Promise<Candidate> {
  const leftOut = new Map<string, FailingPass>();
  let recorded = new Map<string, Statistics>();
  for (;;) {
    const remaining = [...leftOut.keys()].reduce(withoutPass, plan);
    const result = await attempt(
      context,
      leftOut.size === 0 ? name : `${name}-${leftOut.size}`,
      remaining,
      recorded,
    );
    const told = [...leftOut.values()].map(leftOutWarning);
    if (result.fault === undefined) return withWarnings(result.candidate, told);
    const guilty = result.guilty ?? (await guiltyOf(result, context, remaining, recorded));
    if (!guilty) return withWarnings(unexplained(result), told);
    if (context.options.safe === false) throw refusal(guilty, result.cause);
    if (leftOut.size >= MAX_LEFT_OUT) throw result.cause ?? refusal(guilty, undefined);
    leftOut.set(guilty.name, guilty);
    recorded = stillValid(
      recorded,
      remaining.flatMap((step) => step.passes.map((pass) => pass.name)),
      guilty.name,
    );
  }
}

interface Sound {
  readonly fault: undefined;
  readonly candidate: Candidate;
}
/** Either made and broken, or not made because of `cause`. */
interface Broken {
  readonly fault: string;
  readonly candidate?: Candidate;
  readonly cause?: EdgecError;
  readonly guilty?: FailingPass;
}

async function attempt(
  context: CandidateContext,
  name: string,
  plan: Plan,
  recorded: Map<string, Statistics>,
): Promise<Sound | Broken> {
  try {
    const candidate = await buildCandidate(context, name, plan, recorded);
    const fault = faultOf(candidate);
    return { fault, candidate };
  } catch (cause) {
    if (!(cause instanceof EdgecError) || cause.code !== "PASS_FAILED") throw cause;
    const fault = reasonOf(cause);
    return {
      fault,
      cause,
      ...(cause instanceof PassFailure ? { guilty: { name: cause.pass, reason: fault, threw: true } } : {}),
    };
  }
}

function faultOf({ measurements: { fidelity }, expectation }: Candidate): string | undefined {
  if (!fidelity) return undefined;
  return brokenOutputs(fidelity, expectation) ?? (isSuspicious(fidelity) ? SUSPICION : undefined);
}

/** On suspicion alone, only exact passes are tried: lossy ones may lose that much. */
async function guiltyOf(
  { fault, candidate }: Broken,
  context: CandidateContext,
  plan: Plan,
  recorded: Map<string, Statistics>,
): Promise<FailingPass | undefined> {
  context.logger.progress?.({ step: "find the pass that broke the model", done: 0 });
  const changed = (): Set<string> =>
    new Set(candidate?.run.passes.flatMap(({ name, modified }) => (modified ? [name] : [])));
  return inWholeStage("find a faulty pass", () =>
    fault === SUSPICION
      ? findHiddenFault(context, plan, recorded, { changed: changed(), exact: candidate?.exact })
      : findFailingPass(context, plan, recorded),
  );
}

const SUSPICION = "the outputs no longer resemble the original's";

/** No pass is to blame on the samples tried, so the result is kept, with its figures in the report. */
function unexplained({ fault, candidate, cause }: Broken): Candidate {
  if (!candidate) throw cause ?? new EdgecError("PASS_FAILED", fault);
  if (fault === SUSPICION) return candidate;
  return withWarnings(candidate, [
    {
      id: "compress/outputs-differ",
      severity: "warning",
      message:
        `The outputs differ from the original's (${fault}), but no pass could be identified ` +
        "as the cause on the first samples. Give data that starts with samples that show the " +
        `difference, or compare runs with ${option("passes")}.`,
    },
  ]);
}

function leftOutWarning({ name, reason, threw }: FailingPass): Diagnostic {
  const does = threw === true ? "fails on" : "breaks";
  const message =
    `The pass "${name}" was left out, because it ${does} this model: ${sentence(reason)} ` +
    `${remedy(name)} Use ${option("safe", false)} to fail instead.`;
  return { id: "compress/pass-left-out", severity: "warning", message, subject: name };
}

function refusal({ name, reason, threw }: FailingPass, cause: EdgecError | undefined): EdgecError {
  const does = threw === true ? "fails on" : "breaks";
  return new EdgecError(
    "PASS_FAILED",
    `the pass "${name}" ${does} this model, so nothing was written: ${sentence(reason)} ` +
      `${isRegistered(name) ? "" : `${NOT_OURS} `}Without ${option("safe", false)}, the pass is left out.`,
    { cause },
  );
}

const NOT_OURS = "The pass is not part of edgec: correct it.";

function remedy(name: string): string {
  return isRegistered(name)
    ? "This is a bug in edgec: please report it, with the model if you can."
    : NOT_OURS;
}

/** Statistics of the passes before the one left out; later ones were measured on its result. */
function stillValid(
  recorded: ReadonlyMap<string, Statistics>,
  order: readonly string[],
  guilty: string,
): Map<string, Statistics> {
  const before = new Set(order.slice(0, order.indexOf(guilty)));
  return new Map([...recorded].filter(([key]) => before.has(key)));
}

function withWarnings(candidate: Candidate, warnings: readonly Diagnostic[]): Candidate {
  return warnings.length === 0 ? candidate : { ...candidate, warnings: [...candidate.warnings, ...warnings] };
}
