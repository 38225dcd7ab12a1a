/** Walks over the text of a model token by token, and says at which line something is wrong. */
import { EdgecError } from "../../errors.js";

const PLAIN_NAME = /[\w./:@-]+/y;
const QUOTED = /"(?:[^"\\]|\\.)*"/y;
const NUMBER = /-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Infinity)|NaN/y;

export class TextCursor {
  private at = 0;

  constructor(private readonly text: string) {}

  /** Skips white space and commas, which only separate. */
  skip(): void {
    this.take(/[\s,]*/y);
  }

  get isAtEnd(): boolean {
    this.skip();
    return this.at >= this.text.length;
  }

  /** Takes `token` if it comes next. */
  accept(token: string): boolean {
    this.skip();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  /** Whether `token` comes next; takes nothing. */
  sees(token: string): boolean {
    this.skip();
    return this.text.startsWith(token, this.at);
  }

  /** Throws EdgecError BAD_MODEL when `token` does not come next. */
  expect(token: string): void {
    if (!this.accept(token)) throw this.failure(`expected "${token}"`);
  }

  /** A plain or quoted name. */
  name(): string {
    this.skip();
    if (this.text[this.at] === '"') return this.quoted();
    return this.take(PLAIN_NAME) ?? this.fail("expected a name");
  }

  /** Takes what `word` matches, or undefined. The pattern must be sticky. */
  word(pattern: RegExp): string | undefined {
    this.skip();
    return this.take(pattern);
  }

  quoted(): string {
    this.skip();
    return JSON.parse(this.take(QUOTED) ?? this.fail("expected text in quotes")) as string;
  }

  /** A number as its text, or undefined. */
  number(): string | undefined {
    this.skip();
    return this.take(NUMBER);
  }

  /** The rest of the line when `# ` comes next on it: the name of a node. */
  comment(): string | undefined {
    if (this.take(/[ \t]*# /y) === undefined) return undefined;
    return this.name();
  }

  fail(message: string): never {
    throw this.failure(message);
  }

  private failure(message: string): EdgecError {
    const line = this.text.slice(0, this.at).split("\n").length;
    const rest = this.text.slice(this.at).split("\n", 1)[0]?.slice(0, 40) ?? "";
    return new EdgecError("BAD_MODEL", `model text, line ${line}: ${message} at "${rest}"`);
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }
}
