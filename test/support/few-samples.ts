/** Data for runs in which no number counts: a few pictures for the digit networks, of values between 0 and 1. */
import { writeFileSync } from "node:fs";
import { npyBytes, npzBytes } from "./npy-bytes.js";
import { uniform } from "./seeded.js";

const COUNT = 8;
const DIMS = [3, 32, 32] as const;

/** Writes them to a .npz file. */
export function writeFewSamples(path: string): void {
  const next = uniform(7);
  const values = Float32Array.from({ length: COUNT * 3 * 32 * 32 }, () => next());
  writeFileSync(path, npzBytes({ input: npyBytes("<f4", [COUNT, ...DIMS], values) }, 0));
}
