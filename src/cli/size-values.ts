/** Parses the values of --shape and --dim. */
import { EdgecError } from "../errors.js";

/**
 * Parses "image=1,3,224,224" into sizes by input name. "x=" is a scalar input. Throws EdgecError BAD_OPTION.
 */
export function parseShapes(texts: readonly string[]): Record<string, number[]> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, sizes] = splitAtLastEquals(text, "--shape", "image=1,3,224,224");
      return [name, sizes === "" ? [] : sizes.split(",").map((size) => wholeSize(size, `--shape ${name}`))];
    }),
  );
}

/** Parses "batch=1" into sizes by symbol. Throws EdgecError BAD_OPTION. */
export function parseDims(texts: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, size] = splitAtLastEquals(text, "--dim", "batch=1");
      return [name, wholeSize(size, `--dim ${name}`)];
    }),
  );
}

/** Splits at the last equals sign: names may contain one, sizes never do. */
function splitAtLastEquals(text: string, option: string, example: string): [name: string, value: string] {
  const at = text.lastIndexOf("=");
  if (at < 1)
    throw new EdgecError(
      "BAD_OPTION",
      `${option} takes a name and sizes, such as ${example}, not "${text}".`,
    );
  return [text.slice(0, at), text.slice(at + 1).trim()];
}

function wholeSize(text: string, option: string): number {
  const size = /^\d+$/.test(text.trim()) ? Number(text) : NaN;
  if (Number.isSafeInteger(size) && size >= 1) return size;
  throw new EdgecError(
    "BAD_OPTION",
    `${option}: a size must be a whole number, 1 or more, not "${text.trim()}".`,
  );
}
