/** The gates' flags, the same for every command that compares a model with its original. */
import type { Command } from "commander";
import type { GateOptions } from "../plan/gate-limits.js";
import { byteCount, numberWithin } from "./option-values.js";

export function addGateFlags(command: Command): Command {
  return command
    .option(
      "--max-drop <share>",
      "fail (exit 1) when accuracy drops by more: 0.01 is one percentage point",
      numberWithin(0, Infinity),
    )
    .option(
      "--min-sqnr <db>",
      "fail (exit 1) when an output's signal-to-noise ratio is lower, in dB",
      numberWithin(-300, 300),
    )
    .option(
      "--min-agreement <share>",
      "fail (exit 1) when fewer answers are the original's: 0.99 is 99 of 100 top classes",
      numberWithin(0, 1),
    )
    .option(
      "--max-slowdown <share>",
      "fail (exit 1) when it is slower than the original by more, beyond 3 % of noise: 0.05 is 5 %, 0 not at all",
      numberWithin(0, Infinity),
    )
    .option(
      "--max-size <bytes>",
      "fail (exit 1) when the model, external data included, is larger: 705000, 2MB, 1.5MiB",
      byteCount,
    );
}

/** The gates alone, of all flags that were given. */
export function gatesOf({
  maxDrop,
  minSqnr,
  minAgreement,
  maxSlowdown,
  maxSize,
}: GateOptions): Record<keyof GateOptions, number | undefined> {
  return { maxDrop, minSqnr, minAgreement, maxSlowdown, maxSize };
}
