/** Runs `inspect`: turns flags into options of the library, and prints the result. */
import chalk from "chalk";
import { EdgecError, EXIT } from "../errors.js";
import { diffModels } from "../inspect/diff-models.js";
import { inspect } from "../inspect/inspect.js";
import { diffText } from "../report/diff-text.js";
import { jsonText } from "../report/formats/json.js";
import { inspectionText } from "../report/inspection-text.js";
import type { LimitOptions } from "../run-limits.js";
import type { LayerSort } from "../report/layer-rows.js";
import { limitsOf } from "./limit-flags.js";
import { parseDims, parseShapes } from "./size-values.js";
import { TerminalLogger } from "./terminal-logger.js";
import { setOutcome } from "./outcome.js";

interface InspectFlags extends LimitOptions {
  readonly json?: boolean;
  readonly nodes?: boolean;
  readonly all?: boolean;
  readonly run?: boolean;
  readonly passes?: boolean;
  readonly sort?: LayerSort;
  readonly diff?: string;
  readonly shape?: readonly string[];
  readonly dim?: readonly string[];
  readonly debug?: boolean;
}

/** Refuses flags that a comparison ignores: it sorts no layers, lists no nodes and tries no passes. */
function refuseUnused({ sort, nodes, passes }: InspectFlags): void {
  const unused =
    sort !== undefined ? "--sort" : nodes === true ? "--nodes" : passes === true ? "--passes" : undefined;
  if (unused !== undefined)
    throw new EdgecError("BAD_OPTION", `${unused} has no effect with --diff. Leave one of them out.`);
}

/** Sets the exit code to 3 for a model that can be read but is not valid. Its content is shown anyway. */
export async function runInspect(path: string, flags: InspectFlags): Promise<void> {
  const {
    json = false,
    nodes = false,
    all = false,
    run = false,
    passes = "small",
    sort = "bytes",
    diff,
  } = flags;
  if (diff !== undefined) refuseUnused(flags);
  const logger = new TerminalLogger(process.stderr, { quiet: json, debug: flags.debug === true });
  const options = {
    shapes: parseShapes(flags.shape ?? []),
    dims: parseDims(flags.dim ?? []),
    run,
    logger,
    ...limitsOf(flags),
  };
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
