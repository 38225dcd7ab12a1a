/** JSON lines: one object per line, values by input name and an optional "label". */
import { createReadStream } from "node:fs";
import { BadDataError, EdgecError } from "../errors.js";
import type { ModelInputs, Sample } from "./dataset.js";
import { isLabel } from "./labels.js";
import { plainFeed } from "./plain-feed.js";

/** Streams the samples of a .jsonl file. Throws BadDataError that names the line. */
export async function* jsonlSamples(path: string, inputs: ModelInputs): AsyncGenerator<Sample> {
  let number = 0;
  for await (const line of lines(path)) {
    number++;
    if (line.trim() === "") continue;
    yield sampleOfLine(line, inputs, `${path}:${number}`);
  }
}

/** Splits on newlines as the file streams in, so that one line is in memory at a time. */
async function* lines(path: string): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of createReadStream(path, "utf8") as AsyncIterable<string>) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop()!;
      yield* parts;
    }
  } catch (cause) {
    if (cause instanceof EdgecError) throw cause;
    throw new EdgecError("CANNOT_READ", `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  yield rest;
}

function sampleOfLine(line: string, inputs: ModelInputs, where: string): Sample {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (cause) {
    throw new BadDataError(`${where}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const labelIsInput = inputs.some((input) => input.name === "label");
  const feed = plainFeed(record, inputs, where, labelIsInput ? [] : ["label"]);
  const label = labelIsInput ? undefined : (record as { label?: unknown }).label;
  if (label === undefined) return { feed };
  if (!isLabel(label)) throw new BadDataError(`${where}: label ${JSON.stringify(label)} is not a number, string, array or object`);
  return { feed, label };
}
