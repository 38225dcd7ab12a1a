/** What a plan is made of: the user's options once they were checked and a target was found for them. */
import type { Device } from "../targets/index.js";
import type { PassList } from "./pass-list.js";
import type { Decisions } from "./replay.js";

/**
 * "fast" quantizes; "balanced" then corrects the biases; "best" tries all that is known to bring accuracy
 * back without labels. What a level tries is kept only where held-out calibration samples say that it
 * helps.
 */
export const EFFORTS = ["fast", "balanced", "best"] as const;
export type Effort = (typeof EFFORTS)[number];

export interface PlanOptions {
  /** Values of the passes' flags as text, by the flag's name in camelCase: `{ prune: "0.3", int8: "" }`. */
  readonly flags: Readonly<Record<string, string>>;
  /** Options that go to every planned pass which takes one of that name; one that none takes is an error. */
  readonly shared?: Readonly<Record<string, unknown>>;
  /**
   * Nodes and constants that lossy passes leave as they are: names, operator types, #index, patterns with *
   * and ?.
   */
  readonly exclude?: readonly string[];
  /**
   * Names separated by commas, or passes of the caller's own, replace the recipe. A list with the word
   * "recipe" in it puts passes of the caller's own into the recipe; see `PassList`.
   */
  readonly passes?: string | PassList;
  /** Keep weights as int8 and compute in float. */
  readonly storeOnly?: boolean;
  /** Layers that stay in float keep plain float weights: neither rounded nor stored as int8. */
  readonly plainFloat?: boolean;
  /** How much time to spend on the accuracy of int8; default "fast". */
  readonly effort?: Effort;
  /** Whether accuracy gates decide which nodes stay in float. */
  readonly hasAccuracyGates?: boolean;
  /** Whether times on this machine apply to the target. */
  readonly isTimed?: boolean;
  /** The target, if times on this machine do not apply to it. */
  readonly device?: Device;
  /** Decisions of an earlier run, which are not tried again. */
  readonly replay?: Decisions;
  /** Keeps int8 arithmetic even if it is slower or larger than float. */
  readonly keepInt8?: boolean;
  /** Whether nodes go back to float where int8 loses much; default true. */
  readonly floor?: boolean;
  /** The time limit of a search for nodes to leave in float, seconds. */
  readonly timeBudget?: number;
}
