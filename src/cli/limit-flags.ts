/** Flags that limit time and memory in onnxruntime, shared by every command that runs a model. */
import { InvalidArgumentError, type Command } from "commander";
import type { LimitOptions, WorkLimit } from "../run-limits.js";
import { byteCount, duration } from "./option-values.js";

export function addLimitFlags(command: Command): Command {
  return addLoadLimitFlag(
    command.option(
      "--fold-limit <time,size>",
      "limit processor time and memory for folding constants; what exceeds it is not folded " +
        "(default: 10s,256MB, more for large models)",
      workLimit,
    ),
  );
}

/** For commands that fold no constants. */
export function addLoadLimitFlag(command: Command): Command {
  return command.option(
    "--load-limit <time,size>",
    "limit processor time and memory for loading a model in onnxruntime; a model that exceeds it " +
      "is refused (default: 3s,1GB, more for large models)",
    workLimit,
  );
}

/** Picks the limits out of all flags. */
export function limitsOf({ foldLimit, loadLimit }: LimitOptions): LimitOptions {
  return { ...(foldLimit ? { foldLimit } : {}), ...(loadLimit ? { loadLimit } : {}) };
}

/** Parses "60s,2GB", or one of the two. */
export function workLimit(text: string): Partial<WorkLimit> {
  const limit: { seconds?: number; bytes?: number } = {};
  for (const part of text.split(",")) {
    const isTime = /^\s*[\d.]+\s*[smh]\s*$/.test(part);
    const [key, value] = isTime ? ["seconds" as const, duration(part)] : ["bytes" as const, sizeOf(part)];
    if (limit[key] !== undefined) throw new InvalidArgumentError(USE);
    limit[key] = value;
  }
  return limit;
}

const USE = "Give a time, a size or both, such as 60s, 2GB or 60s,2GB.";

/** Requires a unit: a bare number could be a time or a size. */
function sizeOf(text: string): number {
  if (!/[a-z]/i.test(text)) throw new InvalidArgumentError(USE);
  try {
    return byteCount(text);
  } catch {
    throw new InvalidArgumentError(USE);
  }
}
