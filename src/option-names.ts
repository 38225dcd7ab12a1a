/**
 * How messages name options: as the caller spelled them. The library takes `maxDrop`, the command line
 * `--max-drop`. A message names an option with `option("maxDrop")`, and who starts a run says how its options
 * are spelled. Like the run's signal (abort.ts), the spelling is kept in async context, so that callers who
 * spell differently may run in one process.
 *
 * Call `option` where the message is made, not in a constant of a module: there no run has begun.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** What a message says an option should be set to. A text "…" stands for a value of the reader's choice. */
export type OptionValue = string | number | boolean | Readonly<Record<string, string | number>>;

/**
 * The text for an option.
 * @param name its path in the library: "maxDrop", or "across.levels" within another option
 * @param value undefined where the message names the option alone
 */
export type Spelling = (name: string, value?: OptionValue) => string;

const spellings = new AsyncLocalStorage<Spelling>();

/** Runs `job`, whose messages spell options in this way. */
export function spelledBy<T>(spelling: Spelling, job: () => T): T {
  return spellings.run(spelling, job);
}

/** The option as the caller of the current run spells it, for a message. */
export const option: Spelling = (name, value) => (spellings.getStore() ?? inLibrary)(name, value);

/** "maxDrop" in quotes, as it is a word like others; with a value `effort: "fast"`, as it is in code. */
export const inLibrary: Spelling = (name, value) =>
  value === undefined ? `"${name}"` : `${name}: ${literal(value)}`;

/** For a child process, which does not know who will read its messages: a mark in place of the option. */
export const marked: Spelling = (name, value) => `${MARK}${JSON.stringify([name, value])}${MARK}`;

/** The message of a child process with its marks replaced: each option as the caller of the current run spells it. */
export function withoutMarks(message: string): string {
  return message.replaceAll(MARKED, (whole, inner: string) => {
    try {
      const [name, value] = JSON.parse(inner) as [string, OptionValue | null];
      return value === null ? option(name) : option(name, value);
    } catch {
      // A name in a model may hold anything.
      return whole;
    }
  });
}

/** A control character, which no text of edgec has. */
const MARK = "\u0001";
const MARKED = /\u0001(\["[a-zA-Z.]+",.*?\])\u0001/g;

function literal(value: OptionValue): string {
  if (value === "…") return value;
  if (typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, entry]) => `${propertyName(key)}: ${literal(entry)}`);
  return `{ ${entries.join(", ")} }`;
}

function propertyName(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? key : JSON.stringify(key);
}
