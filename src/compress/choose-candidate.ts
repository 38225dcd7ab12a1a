/**
 * Decides what to do when int8 arithmetic does not pay: the result is never slower or larger than the
 * original, and never fails a gate, without a warning.
 */
import type { Logger } from "../diagnostics.js";
import { bytesText, millisecondsText, ratioText } from "../units.js";
import { isClearlyFaster, latencyVerdict, SLOWER_BELOW } from "../verify/index.js";
import type { Candidate } from "./candidate.js";
import type { Decisions } from "../plan/replay.js";
import { storeOnlyOptions } from "../plan/plan-options.js";
import type { Device } from "../targets/index.js";
import { replacesRecipe } from "../plan/pass-list.js";
import type { PlanOptions } from "../plan/plan-request.js";
import { option } from "../option-names.js";

type BuildCandidate = (name: string, options: PlanOptions) => Promise<Candidate>;

/**
 * Returns the planned candidate. If it is slower or larger than the original or fails a gate, and int8
 * storage with float arithmetic is not, returns that. If neither holds an accuracy budget, tries plain float
 * weights for the layers that stay in float. With `keepInt8`, returns the planned candidate whatever it costs.
 * A warning gives the figures of both. Times are measured here; for another device, its table of costs
 * predicts them.
 */
export async function chooseCandidate(
  options: PlanOptions,
  build: BuildCandidate,
  logger: Logger,
): Promise<Candidate> {
  if (options.replay) return replayed(options, options.replay, build);
  const planned = await build("planned", options);
  const { device } = options;
  const reasons = shortcomings(planned, device);
  if (options.keepInt8 === true) return withoutWayBack(planned, options);
  if (reasons.length === 0)
    return device ? warnInt8DoesNotPay(planned, device) : warnTimingUnclear(planned, options);
  const stored = storeOnlyOptions(options);
  if (!stored) return withoutWayBack(planned, options);
  logger.diagnostic?.({
    id: "compress/trying",
    severity: "info",
    message: `int8 arithmetic is ${reasons.join(", ")}: trying int8 storage with float arithmetic`,
  });
  const fallback = await build("stored", stored);
  const remaining = shortcomings(fallback, device);
  const plain = remaining.length > 0 ? await inPlainFloat(options, planned, build, logger) : undefined;
  if (plain) return plain;
  const facts =
    `int8 arithmetic is ${reasons.join(", ")}; int8 storage with float arithmetic: ` +
    summary(fallback, device);
  if (
    remaining.length < reasons.length ||
    (remaining.length === reasons.length && !device && isFaster(fallback, planned))
  ) {
    const where = device ? `for ${device.name}` : "on this machine";
    return warned(
      { ...fallback, isFallback: true },
      `Fell back to int8 storage with float arithmetic, which is better ${where} ` +
        `(${facts}). ${device ? overrule() : hint()}`,
      "compress/fell-back",
    );
  }
  return warned(
    planned,
    `The compressed model is ${reasons.join(", ")}; int8 storage with float arithmetic was no better (${facts}).`,
    "compress/shortcoming",
  );
}

/**
 * The last resort of an accuracy budget: layers that stay in float are not stored as int8 either. Undefined
 * if the budget fails even so. Being slightly slower or larger only causes a warning.
 */
async function inPlainFloat(
  options: PlanOptions,
  planned: Candidate,
  build: BuildCandidate,
  logger: Logger,
): Promise<Candidate | undefined> {
  const failed = failedGates(planned);
  if (options.hasAccuracyGates !== true || failed.length === 0) return undefined;
  logger.diagnostic?.({
    id: "compress/trying",
    severity: "info",
    message: `a gate fails (${failed.join(", ")}): trying plain float weights for the layers that stay in float`,
  });
  const plain = await build("plain", { ...options, plainFloat: true });
  if (failedGates(plain).length > 0) return undefined;
  const besides = slowerOrLarger(plain, options.device)
    .map((reason) => ` The model is ${reason}.`)
    .join("");
  const why =
    "The gates hold only if layers in float keep plain float weights; stored as int8, they " +
    `fail: ${failed.join(", ")}.${besides}`;
  return warned({ ...plain, isPlainFloat: true }, why, "compress/plain-float");
}

const hint = (): string =>
  `To keep int8 arithmetic for a machine that is faster with it, add ${option("keepInt8")}.`;
const overrule = (): string =>
  "If your device differs, give its costs in a profile of your own (see " +
  `docs/guide/targets.md), or add ${option("keepInt8")}.`;

/** Int8 that is predicted to gain nothing has been left out already, node by node. */
function warnInt8DoesNotPay(planned: Candidate, { name }: Device): Candidate {
  const { search, nodes } = planned.run;
  const left = new Set(search?.predicted?.floatNodes);
  if (left.size === 0 || nodes.some(({ pass, status }) => pass === search?.pass && status === "changed"))
    return planned;
  return warned(
    planned,
    "All layers stay in float, because int8 arithmetic is not predicted to be faster on " +
      `${name}: it would take ${search!.predicted!.int8.toFixed(2)} of float's time. ` +
      overrule(),
    "compress/int8-unpaid",
  );
}

/** Builds what the earlier run chose. */
async function replayed(
  options: PlanOptions,
  { storedOnly, plainFloat }: Decisions,
  build: BuildCandidate,
): Promise<Candidate> {
  if (plainFloat) return { ...(await build("plain", { ...options, plainFloat })), isPlainFloat: true };
  const stored = storedOnly ? storeOnlyOptions(options) : undefined;
  return stored ? { ...(await build("stored", stored)), isFallback: true } : build("planned", options);
}

/** Failed gates are not repeated here: the verdict names them. */
function withoutWayBack(planned: Candidate, { flags, passes, device }: PlanOptions): Candidate {
  const reasons = slowerOrLarger(planned, device);
  const hint =
    flags.int8 !== undefined && flags.storage === "plain" && !replacesRecipe(passes)
      ? ` The alternative, int8 storage with float arithmetic, is tried only without ${option("storage", "plain")}.`
      : "";
  return reasons.length === 0
    ? planned
    : warned(planned, `The compressed model is ${reasons.join(", ")}.${hint}`, "compress/shortcoming");
}

/** What the candidate falls short of, with the numbers. */
function shortcomings(candidate: Candidate, device: Device | undefined): string[] {
  return [
    ...slowerOrLarger(candidate, device),
    ...failedGates(candidate).map((message) => `failing a gate (${message})`),
  ];
}

function failedGates({ measurements: { gates } }: Candidate): string[] {
  return gates.filter(({ ok }) => !ok).map(({ message }) => message);
}

function slowerOrLarger(
  { run, measurements: { latency, size } }: Candidate,
  device: Device | undefined,
): string[] {
  const found: string[] = [];
  const predicted = run.search?.predicted?.chosen ?? 0;
  if (device && predicted * SLOWER_BELOW > 1)
    found.push(`predicted to be ${ratioText(predicted)} slower than float on ${device.name}`);
  const verdict = !device && latency ? latencyVerdict(latency) : undefined;
  if (latency && verdict?.change === "slower") {
    found.push(
      `${ratioText(1 / verdict.ratio)} slower than the original ` +
        `(${millisecondsText(latency.compressed.p50Ms)} against ` +
        `${millisecondsText(latency.original.p50Ms)})`,
    );
  }
  if (size.compressed.raw > size.original.raw)
    found.push(
      `larger than the original (${bytesText(size.compressed.raw)} against ${bytesText(size.original.raw)})`,
    );
  return found;
}

function summary({ measurements: { latency, size } }: Candidate, device: Device | undefined): string {
  const time =
    latency && !device
      ? `${millisecondsText(latency.compressed.p50Ms)} against ${millisecondsText(latency.original.p50Ms)}, `
      : "";
  return `${time}${bytesText(size.compressed.raw)} against ${bytesText(size.original.raw)}`;
}

function isFaster(
  { measurements: { latency: a } }: Candidate,
  { measurements: { latency: b } }: Candidate,
): boolean {
  return a !== null && b !== null && isClearlyFaster(a, b);
}

/** A difference that may be chance decides nothing; warns if it could have changed the choice. */
function warnTimingUnclear(planned: Candidate, options: PlanOptions): Candidate {
  const { latency } = planned.measurements;
  if (!latency || options.device || !storeOnlyOptions(options)) return planned;
  const [low, high] = latency.speedupRange;
  if (
    latencyVerdict(latency).change !== "unclear" ||
    Math.min(latency.speedup, latency.p50Ratio) >= SLOWER_BELOW
  )
    return planned;
  return warned(
    planned,
    "On this machine, timing could not decide whether int8 arithmetic is slower than the " +
      `original, so it was kept: half of the rounds gave speed-ups from ${low.toFixed(2)}× ` +
      `to ${high.toFixed(2)}×. Compare the two on a quiet machine with "edgec verify".`,
    "compress/within-noise",
  );
}

function warned(candidate: Candidate, message: string, id: string): Candidate {
  return { ...candidate, warnings: [...candidate.warnings, { id, severity: "warning", message }] };
}
