/** How much to prune: a share of the weights, or N of every M. */
import { EdgecError } from "../../errors.js";

/**
 * A share from 0 to below 1 of weights to set to zero, or the text "N:M": N of every M consecutive weights
 * stay.
 */
export type PruneAmount = number | string;

export interface BlockPattern {
  readonly type: "pattern";
  readonly n: number;
  readonly m: number;
}

type Amount = { readonly type: "ratio"; readonly ratio: number } | BlockPattern;

/** Longest block of an N:M pattern. Hardware takes 4; some research goes to 32. */
const MAX_BLOCK = 64;

/** Throws EdgecError BAD_OPTION with what is accepted. */
export function parseAmount(given: PruneAmount): Amount {
  const text = String(given).trim();
  const pattern = /^(\d+):(\d+)$/.exec(text);
  if (pattern) return blockPattern(Number(pattern[1]), Number(pattern[2]), text);
  const ratio = /^(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (ratio >= 0 && ratio < 1) return { type: "ratio", ratio };
  throw new EdgecError(
    "BAD_OPTION",
    "prune takes a ratio from 0 to below 1, such as 0.3 for 30 %, or a pattern N:M such " +
      `as 2:4, not "${text}".${percentHint(text)}`,
  );
}

function blockPattern(n: number, m: number, text: string): Amount {
  if (n >= 1 && n < m && m <= MAX_BLOCK) return { type: "pattern", n, m };
  throw new EdgecError(
    "BAD_OPTION",
    `in the prune pattern N:M, N weights of every M stay: 1 ≤ N < M ≤ ${MAX_BLOCK}, ` +
      `which "${text}" is not. 2:4 keeps half.`,
  );
}

function percentHint(text: string): string {
  const percent = Number(text.replace(/\s*%$/, ""));
  return text !== "" && percent >= 1 && percent < 100 ? ` Did you mean ${percent / 100}?` : "";
}
