/** JSON lines: one object per line, values by input name and an optional "label". */
import { createReadStream } from "node:fs";
import { BadDataError, EdgecError } from "../../errors.js";
import { requireRegularFile } from "../../regular-file.js";
import type { ModelInputs, Sample } from "../dataset.js";
import { isLabel } from "../labels.js";
import { plainFeed } from "../plain-feed.js";

/**
 * Most characters of one line. V8 limits strings to half a billion, and parsing takes several times their
 * length.
 */
const LONGEST_LINE = 2 ** 28;

/** Streams the samples of a .jsonl file. Throws BadDataError that names the line. */
export async function* jsonlSamples(
  path: string,
  inputs: ModelInputs,
  longest = LONGEST_LINE,
): AsyncGenerator<Sample> {
  let number = 0;
  for await (const line of lines(path, longest)) {
    number++;
    if (line.trim() === "") continue;
    yield sampleOfLine(line, inputs, `${path}:${number}`);
  }
}

/**
 * Splits on newlines as the file streams in, so that one line is in memory at a time. Reads each character
 * once: a long line is joined at its end.
 */
async function* lines(path: string, longest: number): AsyncGenerator<string> {
  requireRegularFile(path);
  let number = 1;
  let begun: string[] = [];
  let length = 0;
  try {
    for await (const chunk of createReadStream(path, "utf8") as AsyncIterable<string>) {
      const parts = chunk.split("\n");
      for (const [k, part] of parts.entries()) {
        begun.push(part);
        length += part.length;
        if (length > longest) throw tooLong(`${path}:${number}`, longest);
        if (k === parts.length - 1) continue;
        yield begun.join("");
        number++;
        begun = [];
        length = 0;
      }
    }
  } catch (cause) {
    if (cause instanceof EdgecError) throw cause;
    throw new EdgecError("CANNOT_READ", `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  yield begun.join("");
}

function tooLong(where: string, longest: number): BadDataError {
  const advice = "Put one sample on each line, or give large samples as .npz.";
  return new BadDataError(`${where}: the line is longer than ${longest} characters. ${advice}`);
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
  if (!isLabel(label))
    throw new BadDataError(
      `${where}: label ${JSON.stringify(label)} is not a number, string, array or object`,
    );
  return { feed, label };
}
