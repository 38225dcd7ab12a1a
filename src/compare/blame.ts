/** Finds out what is at fault when the runtime refuses a model: the original, its data, or a pass. */
import { clauseOf, EdgecError, sentence } from "../errors.js";
import type { CompressOptions } from "../plan/compress-options.js";
import { LimitExceeded } from "../run-limits.js";
import { ModelFault } from "../run/model-fault.js";
import { EndedFromOutside } from "../runtime/index.js";
import { originalFault, type Original } from "./original-fault.js";
import type { RunData } from "./run-data.js";
import { option } from "../option-names.js";

export interface BlameContext {
  readonly options: CompressOptions;
  /** The file that the runtime runs as the original. */
  readonly referencePath: string;
  /** Its name in messages: the path as the user gave it, or "the model". */
  readonly name: string;
  readonly data: RunData;
}

/**
 * If the runtime refuses the compressed model but runs the original on all of the data, a pass is at fault.
 * Otherwise the original is, or one sample of the data.
 */
export async function blamed(error: unknown, context: BlameContext, path?: string): Promise<unknown> {
  if (error instanceof EndedFromOutside) return error;
  // Loading the original again would take as long, and no pass is to blame.
  if (error instanceof LimitExceeded)
    return new EdgecError(error.code, `${sentence(error.message)}${withoutRunning(context.options)}`, {
      cause: error,
    });
  if (!(error instanceof EdgecError) || !REFUSALS.includes(error.code)) return error;
  const fault = await originalFault(originalOf(context), context.data.given);
  if (fault?.code === "MODEL_REJECTED")
    return new EdgecError(fault.code, `${sentence(fault.message)}${withoutRunning(context.options)}`, {
      cause: error,
    });
  if (fault) return fault;
  const reason = clauseOf(path === undefined ? error.message : error.message.replaceAll(path, "it"));
  return new ModelFault(
    reason,
    `edgec made a model that the runtime rejects, so nothing was written: ${sentence(reason)} Run ` +
      `with ${option("debug")}, or select passes with ${option("passes")}, to find out which one caused it.`,
    { cause: error },
  );
}

export function originalOf({ referencePath, name }: BlameContext): Original {
  return { path: referencePath, name };
}

const REFUSALS: readonly string[] = ["MODEL_REJECTED", "RUNTIME_CRASHED", "USAGE"];

/** Advice on how to compress without the runtime. */
function withoutRunning({ verify, calib }: BlameContext["options"]): string {
  const flags = [
    ...(verify === false ? [] : [`with ${option("verify", false)}`]),
    ...(calib === undefined ? [] : [`without ${option("calib")}`]),
  ];
  if (flags.length === 0) return "";
  const words = flags.join(" and ");
  return (
    ` ${words[0]?.toUpperCase()}${words.slice(1)}, edgec compresses it without running ` +
    "it: only passes that need no data run, and nothing is compared."
  );
}
