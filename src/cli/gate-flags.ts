/** Gate flags, shared by every command that compares a model with its original. */
import { InvalidArgumentError, type Command } from "commander";
import { EdgecError } from "../errors.js";
import { parseLimit, type Limit, type LimitUnit } from "../limits.js";
import { GATE_KEYS, type GateOptions } from "../plan/gate-limits.js";
import { numberWithin } from "./option-values.js";

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
      "--max-latency <limit>",
      "fail (exit 1) when the median latency is longer than this, plus 3 % noise: 12ms, 0.6x of the original's",
      limit("ms"),
    )
    .option(
      "--max-size <limit>",
      "fail (exit 1) when the model with its external data is larger than this: 705000, 2MB, 1.5MiB, 0.1x",
      limit("bytes"),
    )
    .option(
      "--max-macs <limit>",
      "fail (exit 1) when it takes more multiply-accumulates a sample than this: 300M, 1.2G, 0.5x",
      limit("macs"),
    )
    .option(
      "--max-load-memory <limit>",
      "fail (exit 1) when loading takes more memory than this beyond the runtime itself: 200MB, 1.5x",
      limit("bytes"),
    )
    .option(
      "--max-load-time <limit>",
      "fail (exit 1) when loading takes more processor time than this: 50ms, 3x",
      limit("ms"),
    );
}

/** Parses a figure in its unit, or a share of the original's. */
function limit(unit: LimitUnit): (text: string) => Limit {
  return (text) => {
    try {
      return parseLimit(text, unit);
    } catch (error) {
      throw error instanceof EdgecError ? new InvalidArgumentError(error.message) : error;
    }
  };
}

/** Picks the gates out of all flags. */
export function gatesOf(flags: GateOptions): Partial<GateOptions> {
  const names = Object.keys(GATE_KEYS) as (keyof GateOptions)[];
  return Object.fromEntries(names.map((name) => [name, flags[name]]));
}
