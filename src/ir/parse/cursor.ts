/** Reads the text of a model token by token, and reports the line of an error. */
import { BadModelError } from "../../errors.js";

/** Sticky patterns of a text in quotes and of a name in either form. */
const QUOTED_SOURCE = String.raw`"(?:[^"\\\n]|\\.)*"`;
export const NAME_SOURCE = String.raw`(?:${QUOTED_SOURCE}|[\w./:@-]+)`;

const PLAIN_NAME = /[\w./:@-]+/y;
const PLAIN_PART = /[\w./@-]+/y;
const QUOTED = new RegExp(QUOTED_SOURCE, "y");
const NUMBER = /-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Infinity)|NaN/y;
const SEPARATORS = /[\s,]*/y;

export class TextCursor {
  private at = 0;

  constructor(private readonly text: string) {}

  /** Skips white space and commas, which are separators. */
  skip(): void {
    this.take(SEPARATORS);
  }

  get isAtEnd(): boolean {
    this.skip();
    return this.at >= this.text.length;
  }

  /** Takes `token` if it comes next. */
  accept(token: string): boolean {
    if (!this.sees(token)) return false;
    this.at += token.length;
    return true;
  }

  /** Takes `word` if it comes next and ends there. */
  acceptWord(word: string): boolean {
    this.skip();
    const behind = this.text[this.at + word.length] ?? " ";
    return /[\w./:@-]/.test(behind) ? false : this.accept(word);
  }

  /** Whether `token` comes next; consumes only separators. */
  sees(token: string): boolean {
    this.skip();
    return this.text.startsWith(token, this.at);
  }

  /** Throws BadModelError if `token` does not come next. */
  expect(token: string): void {
    if (!this.accept(token)) this.fail(`expected "${token}"`);
  }

  /** A plain or quoted name. */
  name(): string {
    if (this.sees('"')) return this.quoted();
    return this.take(PLAIN_NAME) ?? this.fail("expected a name");
  }

  /** A name that may precede a colon: names that contain colons are quoted. */
  namePart(): string {
    if (this.sees('"')) return this.quoted();
    return this.take(PLAIN_PART) ?? this.fail("expected a name");
  }

  /** Consumes a match of the sticky `pattern`, or nothing. */
  word(pattern: RegExp): string | undefined {
    this.skip();
    return this.take(pattern);
  }

  quoted(): string {
    this.skip();
    const start = this.at;
    const text = this.take(QUOTED) ?? this.fail("expected text in quotes that ends on its line");
    try {
      return JSON.parse(text) as string;
    } catch {
      this.at = start;
      return this.fail("the quoted text is not valid JSON");
    }
  }

  /** Whether the sticky `pattern` matches next. */
  comesNext(pattern: RegExp): boolean {
    this.skip();
    pattern.lastIndex = this.at;
    return pattern.test(this.text);
  }

  /** A number as its text, or undefined. */
  number(): string | undefined {
    return this.word(NUMBER);
  }

  /** The name of a node, if `# ` comes next on the same line. */
  comment(): string | undefined {
    if (this.take(/[ \t]*#[ \t]*(?=\S)/y) === undefined) return undefined;
    return this.name();
  }

  /** Throws BadModelError that names the line. */
  fail(message: string): never {
    const line = this.text.slice(0, this.at).split("\n").length;
    const rest = this.text.slice(this.at).split("\n", 1)[0]?.slice(0, 40) ?? "";
    const found = rest === "" ? "the end of it" : JSON.stringify(rest);
    throw new BadModelError(`model text, line ${line}: ${message}, found ${found}`);
  }

  /** Moves the cursor back to the start of `read` before failing, for messages about the text just read. */
  reading<T>(read: () => T, problem: (value: T) => string | undefined): T {
    this.skip();
    const start = this.at;
    const value = read();
    const message = problem(value);
    if (message === undefined) return value;
    this.at = start;
    return this.fail(message);
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }
}
