/** What a target is: a profile, and how a machine is known to be one. They are registered in profiles.ts. */
import type { Machine } from "./machine.js";
import type { TargetProfile } from "./profile.js";

export interface RegisteredTarget {
  readonly profile: TargetProfile;
  /**
   * Why `native` means this profile on that machine, in words; undefined where it does not. Absent for a
   * device that edgec does not run on.
   */
  readonly recognizes?: (machine: Machine) => string | undefined;
}
