/** From the gates a user sets to the limits that are checked. */
import { EdgecError } from "../errors.js";
import { checkedLimit, type Limit, type LimitUnit } from "../limits.js";
import type { KeysOf } from "../option-keys.js";
import { BUILT_IN_METRICS, type GateLimits } from "../verify/index.js";
import { COMPRESS_KEYS, type CompressOptions } from "./compress-options.js";
import { option } from "../option-names.js";

/** The options that are gates. */
export type GateOptions = Pick<
  CompressOptions,
  | "maxDrop"
  | "minSqnr"
  | "minAgreement"
  | "maxSlowdown"
  | "maxLatency"
  | "maxSize"
  | "maxMacs"
  | "maxLoadMemory"
  | "maxLoadTime"
>;

export const GATE_KEYS = {
  maxDrop: COMPRESS_KEYS.maxDrop,
  minSqnr: COMPRESS_KEYS.minSqnr,
  minAgreement: COMPRESS_KEYS.minAgreement,
  maxSlowdown: COMPRESS_KEYS.maxSlowdown,
  maxLatency: COMPRESS_KEYS.maxLatency,
  maxSize: COMPRESS_KEYS.maxSize,
  maxMacs: COMPRESS_KEYS.maxMacs,
  maxLoadMemory: COMPRESS_KEYS.maxLoadMemory,
  maxLoadTime: COMPRESS_KEYS.maxLoadTime,
} satisfies KeysOf<GateOptions>;

/**
 * `maxDrop` is a share of 1 for top-1 and top-5, whose accuracies are in percent; in the metric's own unit
 * for a module. Throws EdgecError BAD_OPTION for a share of 1 or more, which is mostly meant in points, and
 * for values that limit nothing.
 */
export function gateLimits({
  maxDrop,
  minSqnr,
  minAgreement,
  maxSlowdown,
  metric,
  ...limits
}: GateOptions & Pick<CompressOptions, "metric">): GateLimits {
  return {
    ...(maxDrop === undefined ? {} : { maxDrop: isShare(metric) ? pointsOf(maxDrop) : maxDrop }),
    ...(minSqnr === undefined ? {} : { minSqnrDb: minSqnr }),
    ...(minAgreement === undefined ? {} : { minAgreement: agreementOf(minAgreement) }),
    ...(maxSlowdown === undefined ? {} : { maxSlowdown: 1 + slowdownOf(maxSlowdown) }),
    ...figureLimits(limits),
  };
}

/** The limits that are a figure or a share of the original's. */
function figureLimits(options: GateOptions): GateLimits {
  const limits: Partial<Record<FigureLimit, Limit>> = {};
  for (const [name, unit] of Object.entries(FIGURE_LIMITS) as [FigureLimit, LimitUnit][]) {
    const limit = options[name];
    if (limit !== undefined) limits[name] = checkedLimit(option(name), limit, unit);
  }
  return limits;
}

type FigureLimit = "maxLatency" | "maxSize" | "maxMacs" | "maxLoadMemory" | "maxLoadTime";

const FIGURE_LIMITS: Readonly<Record<FigureLimit, LimitUnit>> = {
  maxLatency: "ms",
  maxSize: "bytes",
  maxMacs: "macs",
  maxLoadMemory: "bytes",
  maxLoadTime: "ms",
};

/** The limits that a choice of nodes can meet: those on accuracy and fidelity. */
export function accuracyLimits(options: Parameters<typeof gateLimits>[0]): GateLimits {
  const { maxDrop, minSqnrDb, minAgreement } = gateLimits(options);
  return {
    ...(maxDrop === undefined ? {} : { maxDrop }),
    ...(minSqnrDb === undefined ? {} : { minSqnrDb }),
    ...(minAgreement === undefined ? {} : { minAgreement }),
  };
}

function isShare(metric: string | undefined): boolean {
  return metric === undefined || Object.hasOwn(BUILT_IN_METRICS, metric);
}

function pointsOf(share: number): number {
  if (share >= 0 && share < 1) return 100 * share;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("maxDrop")} must be a share from 0 to below 1 (0.01 is one percentage point), not ${share}.`,
  );
}

function agreementOf(share: number): number {
  if (share >= 0 && share <= 1) return share;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("minAgreement")} must be a share from 0 to 1 (0.99 is 99 of 100 answers), not ${share}.`,
  );
}

function slowdownOf(share: number): number {
  if (share >= 0 && share < 1) return share;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("maxSlowdown")} must be a share from 0 to below 1 (0.05 allows 5 % slower), not ${share}.`,
  );
}
