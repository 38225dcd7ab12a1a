/**
 * What the quick check leaves to `npm run check:full`: further members of a kind that one member stands for, and
 * runs that take tens of seconds.
 */
import { it } from "vitest";

/** Whether the full check runs. */
export const isThorough = process.env.EDGEC_FULL === "1";

/** All members in the full check, else every `n`-th, the first included. */
export function sampled<T>(members: readonly T[], n: number): readonly T[] {
  return isThorough ? members : members.filter((_, k) => k % n === 0);
}

/** A test of the full check alone. It may take five minutes, as on a machine that is busy. */
export function thoroughly(name: string, run: () => unknown): void {
  if (isThorough) it(name, { timeout: 300_000 }, run);
}
