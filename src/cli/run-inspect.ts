/** The action behind `inspect`: from flags to the library's options, and from what was found to the terminal. */
import chalk from "chalk";
import { EdgecError, EXIT } from "../errors.js";
import { diffModels } from "../pipeline/diff-models.js";
import { inspect } from "../pipeline/inspect.js";
import { diffText } from "../report/diff-text.js";
import { jsonText } from "../report/json.js";
import { inspectionText } from "../report/inspection-text.js";
import type { LimitOptions } from "../run-limits.js";
import type { LayerSort } from "../report/layer-rows.js";
import { limitsOf } from "./limit-flags.js";
import { parseDims, parseShapes } from "./size-values.js";
import { TerminalLogger } from "./terminal-logger.js";
import { setOutcome } from "./outcome.js";

interface InspectFlags extends LimitOptions {
  readonly json?: boolean; readonly nodes?: boolean; readonly all?: boolean; readonly run?: boolean; readonly passes?: boolean;
  readonly sort?: LayerSort; readonly diff?: string; readonly shape?: readonly string[]; readonly dim?: readonly string[]; readonly debug?: boolean;
}

/** A comparison has no layers to order, lists no nodes and tries no passes. */
function refuseIdle({ sort, nodes, passes }: InspectFlags): void {
  const idle = sort !== undefined ? "--sort" : nodes === true ? "--nodes" : passes === true ? "--passes" : undefined;
  if (idle !== undefined) throw new EdgecError("BAD_OPTION", `${idle} has no effect with --diff. Leave one of them out.`);
}

/** Sets the process's exit code to 3 for a model that can be read but is not valid; what it holds is shown all the same. */
export async function runInspect(path: string, flags: InspectFlags): Promise<void> {
  const { json = false, nodes = false, all = false, run = false, passes = "small", sort = "bytes", diff } = flags;
  if (diff !== undefined) refuseIdle(flags);
  const logger = new TerminalLogger(process.stderr, { quiet: json, debug: flags.debug === true });
  const options = { shapes: parseShapes(flags.shape ?? []), dims: parseDims(flags.dim ?? []), run, logger, ...limitsOf(flags) };
  let text: string;
  try {
    if (diff === undefined) {
      const inspection = await inspect(path, { ...options, possibilities: passes });
      if (inspection.problems.length > 0) setOutcome(EXIT.badModel);
      text = json ? jsonText(inspection) : inspectionText(inspection, { nodes, all, sort }, chalk);
    } else {
      const difference = await diffModels(path, diff, options);
      text = json ? jsonText(difference) : diffText(difference, { all }, chalk);
    }
  } finally {
    logger.clear();
  }
  process.stdout.write(text);
}
