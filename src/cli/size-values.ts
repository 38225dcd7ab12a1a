/** The text of --shape and --dim. */
import { EdgecError } from "../errors.js";

/** "image=1,3,224,224" by input name; an input of no dimensions is "x=". Throws EdgecError BAD_OPTION. */
export function parseShapes(texts: readonly string[]): Record<string, number[]> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, sizes] = parted(text, "--shape", "image=1,3,224,224");
      return [name, sizes === "" ? [] : sizes.split(",").map((size) => wholeSize(size, `--shape ${name}`))];
    }),
  );
}

/** "batch=1" by symbol. Throws EdgecError BAD_OPTION. */
export function parseDims(texts: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, size] = parted(text, "--dim", "batch=1");
      return [name, wholeSize(size, `--dim ${name}`)];
    }),
  );
}

/** Names may hold an equals sign, sizes never do. */
function parted(text: string, option: string, example: string): [name: string, value: string] {
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
  throw new EdgecError("BAD_OPTION", `${option}: a size is a whole number, 1 or more, not "${text.trim()}".`);
}
