/** Limits as a person writes them: a figure in its unit, or a share of what the original has. */
import { EdgecError } from "./errors.js";

/** A share of the original's figure: {share: 0.5} is half of it. */
export interface ShareOfOriginal {
  readonly share: number;
}

/** In the unit of what is limited: bytes, milliseconds or MACs. */
export type Limit = number | ShareOfOriginal;

export type LimitUnit = "bytes" | "ms" | "macs";

interface UnitRule {
  readonly factors: Readonly<Record<string, number>>;
  /** What may be given, for messages. */
  readonly examples: string;
  readonly isWhole: boolean;
}

const UNITS: Readonly<Record<LimitUnit, UnitRule>> = {
  bytes: {
    factors: { "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 },
    examples: "a size such as 705000, 2MB or 1.5MiB",
    isWhole: true,
  },
  ms: {
    factors: { us: 1e-3, ms: 1, s: 1e3, m: 6e4 },
    examples: "a time such as 12ms or 1.5s",
    isWhole: false,
  },
  macs: {
    factors: { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 },
    examples: "a number of multiply-accumulates such as 300M or 1.2G",
    isWhole: true,
  },
};

/** Parses "0.5x", or a figure with its unit such as "2MB", "12ms" or "300M". Throws EdgecError BAD_OPTION. */
export function parseLimit(text: string, unit: LimitUnit): Limit {
  const { examples } = UNITS[unit];
  const share = /^\s*(\d*\.?\d+)\s*[x×]\s*$/i.exec(text)?.[1];
  const limit = share === undefined ? parseFigure(text, unit) : { share: Number(share) };
  if (isLimit(limit, unit)) return limit;
  throw new EdgecError(
    "BAD_OPTION",
    `"${text}" is not a limit. Give ${examples}, or a share of the original such as 0.5x.`,
  );
}

/** Parses a figure without shares; undefined where the text is none. */
export function parseFigure(text: string, unit: LimitUnit): number | undefined {
  const { factors, isWhole } = UNITS[unit];
  const [, number = "", suffix = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = Object.hasOwn(factors, suffix.toLowerCase()) ? factors[suffix.toLowerCase()]! : NaN;
  const value = Number(number) * factor;
  const figure = isWhole ? Math.floor(value) : value;
  return number !== "" && isFigure(figure, unit) ? figure : undefined;
}

/** The limit, checked. Throws EdgecError BAD_OPTION for values that limit nothing. */
export function checkedLimit(option: string, limit: Limit, unit: LimitUnit): Limit {
  if (isLimit(limit, unit)) return limit;
  const { isWhole } = UNITS[unit];
  const what = { bytes: "bytes", ms: "milliseconds", macs: "multiply-accumulates" }[unit];
  const given = typeof limit === "object" ? JSON.stringify(limit) : String(limit);
  throw new EdgecError(
    "BAD_OPTION",
    `${option} must be ${isWhole ? `a whole number of ${what}, 1 or more` : `a number of ${what} above 0`}, ` +
      `or a share of the original such as {share: 0.5}, not ${given}.`,
  );
}

/** The limit in its unit; undefined for a share of something unknown. */
export function resolvedLimit(limit: Limit, original: number | undefined): number | undefined {
  if (typeof limit === "number") return limit;
  return original === undefined ? undefined : limit.share * original;
}

function isLimit(limit: Limit | undefined, unit: LimitUnit): limit is Limit {
  if (typeof limit === "number") return isFigure(limit, unit);
  return limit !== undefined && Number.isFinite(limit.share) && limit.share > 0;
}

function isFigure(figure: number, unit: LimitUnit): boolean {
  return figure > 0 && (UNITS[unit].isWhole ? Number.isSafeInteger(figure) : Number.isFinite(figure));
}
