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
  /** Mean signal-to-noise ratio of the outputs to reach on held-out samples, dB. */
  readonly goalDb: number;
  /** Whether the gates of the run decide instead, on its evaluation data. */
  readonly byGates: boolean;
  /** Share of the multiply-accumulates that may go back to float, 0 to 1. */
  readonly maxShare: number;
  readonly seconds: number;
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

/** What a run with these options aims at; undefined where nothing is searched. */
export function searchAims({
  effort = "fast",
  hasAccuracyGates = false,
  isTimed = false,
  device,
  timeBudget = FAIR_SECONDS,
}: PlanOptions): SearchAims | undefined {
  const accuracy: AccuracyAim | undefined = hasAccuracyGates
    ? { goalDb: FAIR_DB, byGates: true, maxShare: 1, seconds: timeBudget }
    : effort === "best"
      ? { goalDb: FAIR_DB, byGates: false, maxShare: FAIR_SHARE, seconds: timeBudget }
      : undefined;
  const speed = isTimed && effort !== "fast";
  return speed || device || accuracy
    ? { speed, ...(device ? { device } : {}), ...(accuracy ? { accuracy } : {}) }
    : undefined;
}
