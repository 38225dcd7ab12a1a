/** Numbers as people read them. */

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

/** A share from 0 to 1 as "98.4 %". */
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

/** 1234 as "1.23 k", 3.2e9 as "3.20 G": counts of operations. */
export function countText(count: number): string {
  const units = ["", "k", "M", "G", "T", "P"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return unit === 0 ? String(value) : `${significant(value)} ${units[unit]}`;
}

/**
 * Text from a file that anyone may have written, with what moves the cursor, changes colours or turns the direction of
 * writing made visible: "\\x1b", "\\u{202e}". Everything that the terminal prints of a model goes through here.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** A name of so many characters at most. The middle of a long name tells least. */
export function shortened(name: string, width = NAME_WIDTH): string {
  const characters = Array.from(name);
  if (characters.length <= width) return name;
  const half = Math.floor((width - 1) / 2);
  return `${characters.slice(0, half).join("")}…${characters.slice(-half).join("")}`;
}

/** Of a column of names, where nothing else is said. */
const NAME_WIDTH = 60;

/** Several lines, such as a stack, each made printable. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
