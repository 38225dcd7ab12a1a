/** Gate flags, shared by every command that compares a model with its original. */
import type { Command } from "commander";
import type { GateOptions } from "../plan/gate-limits.js";
import { byteCount, numberWithin } from "./option-values.js";

export function addGateFlags(command: Command): Command {
  return command
    .option(
      "--max-drop <share>",
      "fail (exit 1) when accuracy drops by more than this: 0.01 is one percentage point",
      numberWithin(0, Infinity),
    )
    .option(
      "--min-sqnr <db>",
      "fail (exit 1) when the signal-to-noise ratio of an output is lower than this, in dB",
      numberWithin(-300, 300),
    )
    .option(
      "--min-agreement <share>",
      "fail (exit 1) when fewer answers match the original: 0.99 means 99 of 100 top classes",
      numberWithin(0, 1),
    )
    .option(
      "--max-slowdown <share>",
      "fail (exit 1) when it is slower than the original by more than this, plus 3 % noise: 0.05 is 5 %",
      numberWithin(0, Infinity),
    )
    .option(
      "--max-size <bytes>",
      "fail (exit 1) when the model with its external data is larger than this: 705000, 2MB, 1.5MiB",
      byteCount,
    );
}

/** Picks the gates out of all flags. */
export function gatesOf({
  maxDrop,
  minSqnr,
  minAgreement,
  maxSlowdown,
  maxSize,
}: GateOptions): Record<keyof GateOptions, number | undefined> {
  return { maxDrop, minSqnr, minAgreement, maxSlowdown, maxSize };
}
