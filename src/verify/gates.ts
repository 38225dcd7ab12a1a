/** Limits on a comparison, and whether they hold. */
import { lowestAgreement, lowestSqnr } from "./fidelity.js";
import { SLOWER_BELOW } from "./latency.js";
import type { VerifyReport } from "./verify.js";

export interface GateLimits {
  /** Points of accuracy (percentage points for top-1 and top-5, else the metric's unit) that may be lost. */
  readonly maxDrop?: number;
  /** Lowest SQNR of any output of floats, in dB. */
  readonly minSqnrDb?: number;
  /** Lowest share of equal answers, from 0 to 1. */
  readonly minAgreement?: number;
  /** Bytes of the compressed model, external data included. */
  readonly maxSize?: number;
  /** The same after gzip or brotli. */
  readonly maxGzipSize?: number;
  readonly maxBrotliSize?: number;
  /** Compressed time ÷ original time: 1.05 allows 5 % slower. It holds within the noise of measuring, 3 %. */
  readonly maxSlowdown?: number;
}

export interface Gate {
  readonly name: keyof GateLimits;
  readonly limit: number;
  /** null when it was not measured, or is infinite (equal outputs). */
  readonly actual: number | null;
  readonly ok: boolean;
  /** "the lowest SQNR is 31.2 dB; at least 35 dB was asked for" */
  readonly message: string;
}

export interface Verdict {
  readonly ok: boolean;
  readonly gates: readonly Gate[];
}

interface GateRule {
  readonly what: string;
  readonly unit: string;
  /** Whether the value may be at most, or must be at least, the limit. */
  readonly bound: "at most" | "at least";
  /** Why there may be no value. */
  readonly missing: string;
  /** How far the value may lie beyond the limit, as a factor, because measuring it anew gives another one. */
  readonly noise?: number;
  readonly actual: (report: VerifyReport) => number | undefined;
}

const OTHER_SIZE = "a number of results that depends on the data differs";

const RULES: Readonly<Record<keyof GateLimits, GateRule>> = {
  maxDrop: { what: "the accuracy lost", unit: " points", bound: "at most", missing: "no labelled data was given", actual: ({ accuracy }) => accuracy?.drop },
  minSqnrDb: {
    what: "the lowest SQNR", unit: " dB", bound: "at least",
    missing: `no samples were run, no output is of floats (see --min-agreement), or ${OTHER_SIZE}`,
    actual: ({ fidelity }) => (fidelity.samples === 0 ? undefined : lowestSqnr(fidelity.outputs)),
  },
  minAgreement: {
    what: "the lowest agreement", unit: "", bound: "at least",
    missing: `no output is a class score, an integer, a boolean or a string, or ${OTHER_SIZE}`,
    actual: ({ fidelity }) => lowestAgreement(fidelity.outputs),
  },
  maxSize: sizeRule("the size", "raw"),
  maxGzipSize: sizeRule("the size after gzip", "gzip"),
  maxBrotliSize: sizeRule("the size after brotli", "brotli"),
  maxSlowdown: {
    what: "the time relative to the original", unit: "×", bound: "at most", missing: "latency was not measured", noise: 1 / SLOWER_BELOW,
    actual: ({ latency }) => (latency ? 1 / latency.speedup : undefined),
  },
};

function sizeRule(what: string, form: "raw" | "gzip" | "brotli"): GateRule {
  return { what, unit: " bytes", bound: "at most", missing: "the model is too large to be packed", actual: ({ size }) => size.compressed[form] ?? undefined };
}

/** Percentages are quotients; their differences carry rounding errors that must not fail a gate. */
const TOLERANCE = 1e-9;

/** Checks the limits that are given. A limit on something that was not measured does not hold. */
export function checkGates(limits: GateLimits, report: VerifyReport): Verdict {
  const gates = (Object.keys(RULES) as (keyof GateLimits)[]).flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [checkGate(name, limit, report)];
  });
  return { ok: gates.every(({ ok }) => ok), gates };
}

function checkGate(name: keyof GateLimits, limit: number, report: VerifyReport): Gate {
  const { what, unit, bound, missing, noise = 1, actual: valueOf } = RULES[name];
  const actual = valueOf(report);
  const asked = `${bound} ${limit}${unit}${noise === 1 ? "" : ` (within ${Math.round(100 * (noise - 1))} % of noise)`} was asked for`;
  if (actual === undefined) return { name, limit, actual: null, ok: false, message: `${what} is not known (${missing}); ${asked}` };
  const ok = bound === "at most" ? actual <= limit * noise + TOLERANCE : actual >= limit - TOLERANCE;
  const shown = Number.isFinite(actual) ? `${Number(actual.toPrecision(6))}${unit}` : "infinite (equal outputs)";
  return { name, limit, actual: Number.isFinite(actual) ? actual : null, ok, message: `${what} is ${shown}; ${asked}` };
}
