/** Checks limits on the results of a comparison. */
import { resolvedLimit, type Limit } from "../limits.js";
import { lowestAgreement, lowestSqnr } from "../fidelity/index.js";
import { SLOWER_BELOW } from "./latency.js";
import type { LoadFigures } from "./load.js";
import type { VerifyReport } from "./verify-models.js";
import { option } from "../option-names.js";

export interface GateLimits {
  /**
   * Accuracy that may be lost, in points (percentage points for top-1 and top-5, otherwise the metric's
   * unit).
   */
  readonly maxDrop?: number;
  /** Lowest allowed SQNR of any float output, in dB. */
  readonly minSqnrDb?: number;
  /** Lowest allowed fraction of equal answers, from 0 to 1. */
  readonly minAgreement?: number;
  /** Largest allowed size of the compressed model with its external data, in bytes. */
  readonly maxSize?: Limit;
  /** The same after gzip, or after brotli. */
  readonly maxGzipSize?: number;
  readonly maxBrotliSize?: number;
  /** Compressed time ÷ original time: 1.05 allows 5 % slower. Measurement noise of 3 % is allowed on top. */
  readonly maxSlowdown?: number;
  /** Longest allowed median of the compressed model's latency, in milliseconds. Noise as for `maxSlowdown`. */
  readonly maxLatency?: Limit;
  /** Most multiply-accumulates of one sample. */
  readonly maxMacs?: Limit;
  /** Most memory that loading may take beyond the runtime, in bytes. */
  readonly maxLoadMemory?: Limit;
  /** Longest allowed load in milliseconds of processor time. */
  readonly maxLoadTime?: Limit;
}

export interface Gate {
  readonly name: keyof GateLimits;
  /** In the unit of what is limited; null for a share of an original that is not known. */
  readonly limit: number | null;
  /** null if it was not measured, or is infinite (equal outputs). */
  readonly actual: number | null;
  readonly ok: boolean;
  /** "the lowest SQNR is 31.2 dB; the limit is at least 35 dB" */
  readonly message: string;
}

export interface Verdict {
  readonly ok: boolean;
  readonly gates: readonly Gate[];
}

interface GateRule {
  readonly what: string;
  readonly unit: string;
  /** Whether the limit is an upper or a lower one. */
  readonly bound: "at most" | "at least";
  /** Why there is no value, if so. */
  readonly missing: string | (() => string);
  /** Tolerance as a factor on the limit, because repeated measurements differ. */
  readonly noise?: number;
  readonly actual: (report: VerifyReport) => number | undefined;
  /** The same of the original, for limits that are a share of it. */
  readonly original?: (report: VerifyReport) => number | undefined;
}

const OTHER_SIZE = "the models give different numbers of results";

const RULES: Readonly<Record<keyof GateLimits, GateRule>> = {
  maxDrop: {
    what: "the accuracy lost",
    unit: " points",
    bound: "at most",
    missing: "no labelled data was given",
    actual: ({ accuracy }) => accuracy?.drop,
  },
  minSqnrDb: {
    what: "the lowest SQNR",
    unit: " dB",
    bound: "at least",
    missing: () =>
      `no samples were run, no output holds floats (see ${option("minAgreement")}), or ${OTHER_SIZE}`,
    actual: ({ fidelity }) => (fidelity.samples === 0 ? undefined : lowestSqnr(fidelity.outputs)),
  },
  minAgreement: {
    what: "the lowest agreement",
    unit: "",
    bound: "at least",
    missing: `no output is a class score, an integer, a boolean or a string, or ${OTHER_SIZE}`,
    actual: ({ fidelity }) => lowestAgreement(fidelity.outputs),
  },
  maxSize: sizeRule("the size", "raw"),
  maxGzipSize: sizeRule("the size after gzip", "gzip"),
  maxBrotliSize: sizeRule("the size after brotli", "brotli"),
  maxSlowdown: {
    what: "the time relative to the original",
    unit: "×",
    bound: "at most",
    missing: "latency was not measured",
    noise: 1 / SLOWER_BELOW,
    actual: ({ latency }) => (latency ? 1 / latency.speedup : undefined),
  },
  maxLatency: {
    what: "the median latency",
    unit: " ms",
    bound: "at most",
    missing: "latency was not measured",
    noise: 1 / SLOWER_BELOW,
    actual: ({ latency }) => latency?.compressed.p50Ms,
    original: ({ latency }) => latency?.original.p50Ms,
  },
  maxMacs: {
    what: "the number of multiply-accumulates",
    unit: "",
    bound: "at most",
    missing: "sizes of values in the graph are not known",
    actual: ({ macs }) => macs?.compressed,
    original: ({ macs }) => macs?.original,
  },
  maxLoadMemory: loadRule("the peak memory of loading", " bytes", "peakBytes"),
  maxLoadTime: loadRule("the time of loading", " ms", "ms"),
};

function sizeRule(what: string, form: "raw" | "gzip" | "brotli"): GateRule {
  return {
    what,
    unit: " bytes",
    bound: "at most",
    missing: "the model is too large to pack",
    actual: ({ size }) => size.compressed[form] ?? undefined,
    original: ({ size }) => size.original[form] ?? undefined,
  };
}

function loadRule(what: string, unit: string, figure: keyof LoadFigures): GateRule {
  return {
    what,
    unit,
    bound: "at most",
    missing: "the models were not loaded",
    actual: ({ load }) => load?.compressed[figure],
    original: ({ load }) => load?.original[figure],
  };
}

/** Percentages are quotients: rounding errors of their differences must not fail a gate. */
const TOLERANCE = 1e-9;

/** Checks the given limits. A limit on something that was not measured fails. */
export function checkGates(limits: GateLimits, report: VerifyReport): Verdict {
  const gates = (Object.keys(RULES) as (keyof GateLimits)[]).flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [checkGate(name, limit, report)];
  });
  return { ok: gates.every(({ ok }) => ok), gates };
}

function checkGate(name: keyof GateLimits, given: Limit, report: VerifyReport): Gate {
  const { what, unit, bound, missing, noise = 1, actual: valueOf, original } = RULES[name];
  const actual = valueOf(report);
  const limit = resolvedLimit(given, original?.(report));
  const stated = `the limit is ${bound} ${limitText(given, limit, unit)}${noiseText(noise)}`;
  if (actual === undefined || limit === undefined)
    return {
      name,
      limit: limit ?? null,
      actual: null,
      ok: false,
      message: `${what} is not known (${typeof missing === "string" ? missing : missing()}); ${stated}`,
    };
  const ok = bound === "at most" ? actual <= limit * noise + TOLERANCE : actual >= limit - TOLERANCE;
  const shown = Number.isFinite(actual)
    ? `${Number(actual.toPrecision(6))}${unit}`
    : "infinite (equal outputs)";
  return {
    name,
    limit,
    actual: Number.isFinite(actual) ? actual : null,
    ok,
    message: `${what} is ${shown}; ${stated}`,
  };
}

function limitText(given: Limit, limit: number | undefined, unit: string): string {
  if (typeof given === "number") return `${given}${unit}`;
  const figure = limit === undefined ? "" : `, ${Number(limit.toPrecision(6))}${unit}`;
  return `${given.share}× the original's${figure}`;
}

function noiseText(noise: number): string {
  return noise === 1 ? "" : ` (plus ${Math.round(100 * (noise - 1))} % noise)`;
}
