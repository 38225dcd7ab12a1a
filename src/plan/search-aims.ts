/** What a search for forms of nodes aims at, as the plan says it. */
import type { Device } from "../targets/index.js";
import type { PlanOptions } from "./plan-request.js";

/** What a search aims at. */
export interface SearchAims {
  /** Leaves nodes in float that int8 does not pay for on this machine. */
  readonly speed: boolean;
  /** Leaves nodes in float that int8 does not pay for there, by the device's table of costs. */
  readonly device?: Device;
  readonly accuracy?: AccuracyAim;
}

export interface AccuracyAim {
  /**
   * What is enough: the gates of the run, on its evaluation data; the floor, below which much is lost, on held-out
   * samples; or this many dB on average over them.
   */
  readonly goal: "gates" | "floor" | number;
  /** Share of the multiply-accumulates that may go back to float, 0 to 1. For the floor, everything may. */
  readonly maxShare: number;
  /** Infinity where only measurements are limited, so that a busy machine decides nothing. */
  readonly seconds: number;
  /** Nodes to measure at most. */
  readonly measurements?: number;
}

/** Whether samples must be held out for the search. A prediction takes none. */
export function needsHoldout(aims: SearchAims | undefined): boolean {
  return aims !== undefined && (aims.speed || aims.accuracy !== undefined);
}

/** The goal of "best" without gates, dB. Below this, top-1 answers start to change. */
const FAIR_DB = 32;
/** The share of arithmetic that "best" may leave in float; beyond it, little of int8's speed remains. */
const FAIR_SHARE = 0.4;
const FAIR_SECONDS = 90;
/** Nodes that are measured to hold the floor. Those whose tensors suffer most from rounding come first. */
const FLOOR_MEASUREMENTS = 48;

/** What a run with these options aims at; undefined where nothing is searched. */
export function searchAims({
  effort = "fast",
  hasAccuracyGates = false,
  isTimed = false,
  device,
  timeBudget = FAIR_SECONDS,
  floor = true,
}: PlanOptions): SearchAims | undefined {
  const accuracy: AccuracyAim | undefined = hasAccuracyGates
    ? { goal: "gates", maxShare: 1, seconds: timeBudget }
    : effort === "best"
      ? { goal: FAIR_DB, maxShare: FAIR_SHARE, seconds: timeBudget }
      : effort === "balanced" && floor
        ? { goal: "floor", maxShare: 1, seconds: Infinity, measurements: FLOOR_MEASUREMENTS }
        : undefined;
  const speed = isTimed && effort !== "fast";
  return speed || device || accuracy
    ? { speed, ...(device ? { device } : {}), ...(accuracy ? { accuracy } : {}) }
    : undefined;
}
