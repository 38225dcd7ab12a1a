/** Parses option values. Throws InvalidArgumentError, which commander prints with the option's name. */
import { InvalidArgumentError } from "commander";
import { parseFigure } from "../limits.js";
import { MAX_THREADS } from "../plan/threads.js";

export const threadCount = wholeNumber(1, MAX_THREADS);

export function wholeNumber(minimum: number, maximum = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < minimum || value > maximum)
      throw new InvalidArgumentError(`Give a whole number${within(minimum, maximum)}.`);
    return value;
  };
}

export function numberWithin(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= minimum && value <= maximum))
      throw new InvalidArgumentError(`Give a number${within(minimum, maximum)}.`);
    return value;
  };
}

/** Parses "90", "90s", "5m" or "1h" into seconds. */
export function duration(text: string): number {
  const [, number = "", unit = "s"] = /^(\d+(?:\.\d+)?)\s*(s|m|h)?$/.exec(text.trim()) ?? [];
  const seconds = Number(number) * { s: 1, m: 60, h: 3600 }[unit as "s" | "m" | "h"];
  if (number === "" || !(seconds > 0)) throw new InvalidArgumentError("Give a time such as 90s, 5m or 1h.");
  return seconds;
}

function within(minimum: number, maximum: number): string {
  return maximum === Infinity ? `, ${minimum} or more` : ` from ${minimum} to ${maximum}`;
}

/** Parses "705000", "2MB" (two million bytes) or "1.5 MiB" into bytes, rounded down. */
export function byteCount(text: string): number {
  const bytes = parseFigure(text, "bytes");
  if (bytes === undefined) throw new InvalidArgumentError("Give a size such as 705000, 2MB or 1.5MiB.");
  return bytes;
}

/** Splits "node, web" into a list. */
export function words(text: string): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** Collects the values of an option that may be given more than once. */
export function collected(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}
