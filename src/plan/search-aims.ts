/** What a search for forms of nodes aims at, as the plan says it. */
import type { Device } from "../targets/index.js";

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
  readonly mostShare: number;
  readonly seconds: number;
}

/** Whether samples must be held out for the search. A prediction takes none. */
export function needsJudges(aims: SearchAims | undefined): boolean {
  return aims !== undefined && (aims.speed || aims.accuracy !== undefined);
}
