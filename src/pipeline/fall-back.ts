/** Never slower, never larger, never worse than asked without saying so: what to do when int8 arithmetic does not pay. */
import type { Logger } from "../diagnostics.js";
import { bytesText, millisecondsText, ratioText } from "../report/units.js";
import { isClearlyFaster, latencyVerdict, SLOWER_BELOW } from "../verify/index.js";
import type { Candidate } from "./candidate.js";
import type { Decisions } from "./decisions.js";
import { QUANTIZER, type PlanOptions } from "./plan.js";
import { storeOnlyOptions } from "./plan-options.js";
import type { Device } from "./search/predicted-choice.js";

export type BuildCandidate = (name: string, options: PlanOptions) => Promise<Candidate>;

/**
 * The planned candidate, or the one that stores int8 and computes in float where the planned one is slower or larger than
 * the original or fails a gate, and the other is not. Where neither holds a budget on accuracy, weights that int8 does not
 * compute with stay floats. With `keepInt8` the planned one is taken whatever it costs. The choice is a warning with
 * the numbers of both. Times are those measured here, or for another
 * device than this machine those that its table of costs predicts.
 */
export async function chooseCandidate(options: PlanOptions, build: BuildCandidate, logger: Logger): Promise<Candidate> {
  if (options.replay) return replayed(options, options.replay, build);
  const planned = await build("planned", options);
  const { device } = options;
  const reasons = shortcomings(planned, device);
  if (options.keepInt8 === true) return withoutWayBack(planned, options);
  if (reasons.length === 0) return device ? toldUnpaid(planned, device) : toldNoise(planned, options);
  const stored = storeOnlyOptions(options);
  if (!stored) return withoutWayBack(planned, options);
  logger.diagnostic?.({ id: "compress/trying", severity: "info", message: `int8 arithmetic is ${reasons.join(", ")}: trying int8 storage with float arithmetic` });
  const fallback = await build("stored", stored);
  const remaining = shortcomings(fallback, device);
  const plain = remaining.length > 0 ? await inPlainFloat(options, planned, build, logger) : undefined;
  if (plain) return plain;
  const facts = `int8 arithmetic is ${reasons.join(", ")}; int8 storage with float arithmetic: ${summary(fallback, device)}`;
  if (remaining.length < reasons.length || (remaining.length === reasons.length && !device && isFaster(fallback, planned))) {
    const where = device ? `for ${device.name}` : "on this machine";
    return warned({ ...fallback, isFallback: true }, `Weights are stored as int8 and computed in float, because that is better ${where} (${facts}). ${device ? OVERRULE : HINT}`, "compress/fell-back");
  }
  return warned(planned, `The compressed model is ${reasons.join(", ")}; the alternative was no better (${facts}).`, "compress/shortcoming");
}

/**
 * The last resort of a budget on accuracy: what int8 leaves in float is not stored as int8 either. Undefined where the
 * budget does not hold even so. A little slower or larger than the original is told, and better than a budget that is missed.
 */
async function inPlainFloat(options: PlanOptions, planned: Candidate, build: BuildCandidate, logger: Logger): Promise<Candidate | undefined> {
  const failed = failedGates(planned);
  if (options.hasAccuracyGates !== true || failed.length === 0) return undefined;
  logger.diagnostic?.({ id: "compress/trying", severity: "info", message: `a budget does not hold (${failed.join(", ")}): trying weights in float where int8 does not compute` });
  const plain = await build("plain", { ...options, plainFloat: true });
  if (failedGates(plain).length > 0) return undefined;
  const besides = slowerOrLarger(plain, options.device).map((reason) => ` The model is ${reason}.`).join("");
  const why = `The budget holds only with weights in float where int8 does not compute (stored as int8: ${failed.join(", ")}).${besides}`;
  return warned({ ...plain, isPlainFloat: true }, why, "compress/plain-float");
}

const HINT = "To keep int8 arithmetic, for a machine where it pays, give the same options and --keep-int8.";
const OVERRULE = "Where the device says otherwise, give its figures in a profile of your own (see docs/targets.md), or the same options and --keep-int8.";

/** Int8 that is predicted to gain nothing has been left out already, node by node. */
function toldUnpaid(planned: Candidate, { name }: Device): Candidate {
  const { search, nodes } = planned.run;
  const left = new Set(search?.predicted?.floatNodes);
  if (left.size === 0 || nodes.some(({ pass, status }) => pass === QUANTIZER && status === "changed")) return planned;
  return warned(planned, `All layers stay float, because int8 arithmetic is not predicted to pay on ${name}: it would take ${search!.predicted!.int8.toFixed(2)} of float's time. ${OVERRULE}`, "compress/int8-unpaid");
}

/** Nothing is chosen anew. */
async function replayed(options: PlanOptions, { storedOnly, plainFloat }: Decisions, build: BuildCandidate): Promise<Candidate> {
  if (plainFloat) return { ...await build("plain", { ...options, plainFloat }), isPlainFloat: true };
  const stored = storedOnly ? storeOnlyOptions(options) : undefined;
  return stored ? { ...await build("stored", stored), isFallback: true } : build("planned", options);
}

/** A failed gate is told by the verdict. */
function withoutWayBack(planned: Candidate, { flags, passes, device }: PlanOptions): Candidate {
  const reasons = slowerOrLarger(planned, device);
  const hint = flags.int8 !== undefined && flags.storage === "plain" && passes === undefined ? " int8 storage with float arithmetic, the alternative, is not plain: it comes without --storage plain." : "";
  return reasons.length === 0 ? planned : warned(planned, `The compressed model is ${reasons.join(", ")}.${hint}`, "compress/shortcoming");
}

/** What the candidate falls short of, with the numbers. */
function shortcomings(candidate: Candidate, device: Device | undefined): string[] {
  return [...slowerOrLarger(candidate, device), ...failedGates(candidate).map((message) => `beyond a gate (${message})`)];
}

function failedGates({ measurements: { gates } }: Candidate): string[] {
  return gates.filter(({ ok }) => !ok).map(({ message }) => message);
}

function slowerOrLarger({ run, measurements: { latency, size } }: Candidate, device: Device | undefined): string[] {
  const found: string[] = [];
  const predicted = run.search?.predicted?.chosen ?? 0;
  if (device && predicted * SLOWER_BELOW > 1) found.push(`predicted to be ${ratioText(predicted)} slower than in float on ${device.name}`);
  const verdict = !device && latency ? latencyVerdict(latency) : undefined;
  if (latency && verdict?.change === "slower") {
    found.push(`${ratioText(1 / verdict.ratio)} slower than the original (${millisecondsText(latency.compressed.p50Ms)} against ${millisecondsText(latency.original.p50Ms)})`);
  }
  if (size.compressed.raw > size.original.raw) found.push(`larger than the original (${bytesText(size.compressed.raw)} against ${bytesText(size.original.raw)})`);
  return found;
}

function summary({ measurements: { latency, size } }: Candidate, device: Device | undefined): string {
  const time = latency && !device ? `${millisecondsText(latency.compressed.p50Ms)} against ${millisecondsText(latency.original.p50Ms)}, ` : "";
  return `${time}${bytesText(size.compressed.raw)} against ${bytesText(size.original.raw)}`;
}

function isFaster({ measurements: { latency: a } }: Candidate, { measurements: { latency: b } }: Candidate): boolean {
  return a !== null && b !== null && isClearlyFaster(a, b);
}

/** A difference that may be chance decides nothing, and that is told where it might have. */
function toldNoise(planned: Candidate, options: PlanOptions): Candidate {
  const { latency } = planned.measurements;
  if (!latency || options.device || !storeOnlyOptions(options)) return planned;
  const [low, high] = latency.speedupRange;
  if (latencyVerdict(latency).change !== "unclear" || Math.min(latency.speedup, latency.p50Ratio) >= SLOWER_BELOW) return planned;
  return warned(planned, `Whether int8 arithmetic is slower than the original could not be told on this machine, so it was kept: half of the rounds gave speed-ups from ${low.toFixed(2)}× to ${high.toFixed(2)}×. `
    + 'Compare the two on a quiet machine with "edgec verify".', "compress/within-noise");
}

function warned(candidate: Candidate, message: string, id: string): Candidate {
  return { ...candidate, warnings: [...candidate.warnings, { id, severity: "warning", message }] };
}
