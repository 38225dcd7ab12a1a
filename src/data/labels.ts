/** Labels: from the data file itself or from a file of their own. */
import { extname } from "node:path";
import { BadDataError } from "../errors.js";
import type { NumericArray } from "../ir/index.js";
import type { RawArray } from "./conform.js";
import type { Label } from "./dataset.js";
import { fileBytes } from "./file-bytes.js";
import { parseNpy } from "./readers/npy.js";

/** One label per entry of axis 0: a number, or the entry's flat numbers when it has axes of its own. */
export function labelsOfArray(array: RawArray, where: string): Label[] {
  const [count, ...rest] = array.dims;
  if (count === undefined)
    throw new BadDataError(`${where}: a scalar cannot label samples. Give one label per sample`);
  const width = rest.reduce((product, dim) => product * dim, 1);
  const values = Array.from(array.data as NumericArray, Number);
  if (rest.length === 0) return values;
  return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
}

/** Reads labels from .npy, .json (an array) or .txt (one per line; numbers where they read as numbers). */
export async function readLabels(path: string): Promise<Label[]> {
  const bytes = await fileBytes(path);
  switch (extname(path).toLowerCase()) {
    case ".npy":
      return labelsOfArray(parseNpy(bytes, path), path);
    case ".json":
      return labelsOfJson(new TextDecoder().decode(bytes), path);
    case ".txt":
      return labelsOfText(new TextDecoder().decode(bytes));
    default:
      throw new BadDataError(`${path}: labels are read from .npy, .json or .txt files`);
  }
}

function labelsOfJson(text: string, path: string): Label[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new BadDataError(`${path}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (!Array.isArray(parsed)) throw new BadDataError(`${path}: expected an array with one label per sample`);
  const empty = parsed.findIndex((label) => !isLabel(label));
  if (empty >= 0)
    throw new BadDataError(
      `${path}: label ${empty} is ${JSON.stringify(parsed[empty])}; expected a number, string, array or object`,
    );
  return parsed as Label[];
}

function labelsOfText(text: string): Label[] {
  const lines = text
    .replace(/\r?\n$/, "")
    .split(/\r?\n/)
    .map((line) => line.trim());
  return lines.map((line) => (line !== "" && Number.isFinite(Number(line)) ? Number(line) : line));
}

export function isLabel(value: unknown): value is Label {
  return (
    typeof value === "number" || typeof value === "string" || (typeof value === "object" && value !== null)
  );
}
