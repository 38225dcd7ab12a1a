/** From what the user wrote to a profile. */
import { EdgecError, suggestion } from "../errors.js";
import { detect, thisMachine, type Machine } from "./detect.js";
import type { Target, TargetProfile } from "./profile.js";
import { GENERIC, PROFILES } from "./profiles.js";
import { profileOf, readProfile } from "./read-profile.js";

/** The word for the machine that edgec runs on. */
export const NATIVE = "native";

/**
 * Takes the name of a profile, "native", the path of a JSON file, or a profile. Default: generic.
 * Throws EdgecError BAD_OPTION, and CANNOT_READ for a file that is not there.
 */
export function resolveTarget(target: string | TargetProfile = GENERIC.name, machine: () => Machine = thisMachine): Target {
  if (typeof target !== "string") return { profile: profileOf({ ...target }, "the target") };
  const known = PROFILES.find(({ name }) => name === target);
  if (known) return { profile: known };
  if (target === NATIVE) {
    const { profile, reason } = detect(machine());
    return { profile: PROFILES.find(({ name }) => name === profile) ?? GENERIC, origin: reason };
  }
  if (isProfilePath(target)) return { profile: readProfile(target), origin: target };
  const names = [...PROFILES.map(({ name }) => name), NATIVE];
  throw new EdgecError("BAD_OPTION", `there is no target "${target}".${suggestion(target, names)} Use one of ${names.join(", ")}, or a JSON file.`);
}

/** Whether it is the path of a profile rather than the name of one. */
export function isProfilePath(target: string): boolean {
  return target.toLowerCase().endsWith(".json") || /[\\/]/.test(target);
}
