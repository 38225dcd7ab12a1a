/** Formats numbers and names for people. */

/** Bytes with three significant digits in decimal units: "718 kB", "2.71 MB". */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : significant(value)} ${units[unit]}`;
}

/** "3.86×"; "∞×" when nothing is left. */
export function ratioText(ratio: number): string {
  return Number.isFinite(ratio) ? `${significant(ratio)}×` : "∞×";
}

export function millisecondsText(ms: number): string {
  return `${significant(ms)} ms`;
}

/** A time for people, from milliseconds: "12 s", "1 min 30 s", "2 h 5 min". */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (minutes === 0) return `${seconds} s`;
  const [whole, part] =
    hours > 0 ? [`${hours} h`, `${minutes % 60} min`] : [`${minutes} min`, `${seconds % 60} s`];
  return part.startsWith("0 ") ? whole : `${whole} ${part}`;
}

/** A fraction from 0 to 1 as "98.4 %". */
export function percentText(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Decibels; an exact match has no noise to measure. */
export function decibelText(db: number | null): string {
  return db === null || !Number.isFinite(db) ? "exact" : `${db.toFixed(1)} dB`;
}

/** Three significant digits without an exponent. */
export function significant(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  // Rounded first: 0.9996 has the digits of 1.00.
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3))))));
  return value.toFixed(Math.min(digits, 6));
}

/** "1 node", "3 nodes". */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A count of operations: 1234 as "1.23 k", 3.2e9 as "3.20 G". */
export function countText(count: number): string {
  const units = ["", "k", "M", "G", "T", "P"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return unit === 0 ? String(value) : `${significant(value)} ${units[unit]}`;
}

/**
 * Escapes text from an untrusted file: characters that move the cursor, change colours or change the writing
 * direction become visible, as "\\x1b" or "\\u{202e}". All text from a model that the CLI prints goes through
 * here.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** Shortens a name to at most `width` characters. Cuts the middle, which says least. */
export function shortened(name: string, width = NAME_WIDTH): string {
  const characters = Array.from(name);
  if (characters.length <= width) return name;
  const half = Math.floor((width - 1) / 2);
  return `${characters.slice(0, half).join("")}…${characters.slice(-half).join("")}`;
}

/** Default width of a column of names, in characters. */
const NAME_WIDTH = 60;

/** Makes each line of a text printable, such as those of a stack trace. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
