/** Which profile fits the machine that edgec runs on. */
import type { Machine } from "./machine.js";
import { GENERIC, TARGETS } from "./profiles.js";

export { featuresIn, thisMachine, type Machine } from "./machine.js";

export interface Detection {
  /** Name of a profile. */
  readonly profile: string;
  /** Why, in words. */
  readonly reason: string;
}

/** If a feature cannot be determined, the profile that is right without it. */
export function detect(machine: Machine): Detection {
  for (const { profile, recognizes } of TARGETS) {
    const reason = recognizes?.(machine);
    if (reason !== undefined) return { profile: profile.name, reason };
  }
  return { profile: GENERIC.name, reason: `there is no profile for the architecture ${machine.arch}` };
}
