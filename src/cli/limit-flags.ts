/** The flags that say how much a model may take in onnxruntime, the same for every command that runs one. */
import { InvalidArgumentError, type Command } from "commander";
import type { LimitOptions, WorkLimit } from "../run-limits.js";
import { byteCount, duration } from "./option-values.js";

export function addLimitFlags(command: Command): Command {
  return command
    .option(
      "--fold-limit <time,size>",
      "processor time and memory for computing constants; what takes more stays as nodes (default: 10s,256MB, and more for large models)",
      workLimit,
    )
    .option(
      "--load-limit <time,size>",
      "processor time and memory for loading a model in onnxruntime; one that takes more is refused (default: 3s,1GB, and more for large models)",
      workLimit,
    );
}

/** The limits alone, of all flags that were given. */
export function limitsOf({ foldLimit, loadLimit }: LimitOptions): LimitOptions {
  return { ...(foldLimit ? { foldLimit } : {}), ...(loadLimit ? { loadLimit } : {}) };
}

/** "60s,2GB", or one of the two. */
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

const USE = "It takes a time, a size or both, such as 60s, 2GB or 60s,2GB.";

/** A bare number could be either. */
function sizeOf(text: string): number {
  if (!/[a-z]/i.test(text)) throw new InvalidArgumentError(USE);
  try {
    return byteCount(text);
  } catch {
    throw new InvalidArgumentError(USE);
  }
}
