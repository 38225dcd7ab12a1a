/** From the gates a user sets to the limits that are checked. */
import { EdgecError } from "../errors.js";
import { BUILT_IN_METRICS, type GateLimits } from "../verify/index.js";
import type { CompressOptions } from "./compress-options.js";

/**
 * `maxDrop` is a share of 1 for top-1 and top-5, whose accuracies are in percent; in the metric's own unit for a module.
 * Throws EdgecError BAD_OPTION for a share of 1 or more, which is mostly meant in points.
 */
export function gateLimits({ maxDrop, minSqnr, metric }: Pick<CompressOptions, "maxDrop" | "minSqnr" | "metric">): GateLimits {
  return {
    ...(maxDrop === undefined ? {} : { maxDrop: isShare(metric) ? pointsOf(maxDrop) : maxDrop }),
    ...(minSqnr === undefined ? {} : { minSqnrDb: minSqnr }),
  };
}

/** The limits that a choice of nodes can meet: those on accuracy and fidelity. */
export function accuracyLimits(options: Parameters<typeof gateLimits>[0]): GateLimits {
  const { maxDrop, minSqnrDb, minAgreement } = gateLimits(options);
  return { ...(maxDrop === undefined ? {} : { maxDrop }), ...(minSqnrDb === undefined ? {} : { minSqnrDb }), ...(minAgreement === undefined ? {} : { minAgreement }) };
}

function isShare(metric: string | undefined): boolean {
  return metric === undefined || Object.hasOwn(BUILT_IN_METRICS, metric);
}

function pointsOf(share: number): number {
  if (share >= 0 && share < 1) return 100 * share;
  throw new EdgecError("BAD_OPTION", `--max-drop ${share}: it takes a share from 0 to below 1; 0.01 is one percentage point.`);
}
