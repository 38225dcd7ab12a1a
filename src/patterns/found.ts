/** The result of a match: for each leaf and node of the pattern, the value and its interpretation. */
import type { Node } from "../ir/index.js";
import type { Capture, Found, Pattern } from "./pattern.js";

interface Entry {
  readonly key: Pattern;
  readonly value: string;
  readonly is: unknown;
  readonly before: Entry | undefined;
}

interface Entered {
  readonly node: Node;
  readonly before: Entered | undefined;
}

/** Immutable: a failed attempt is dropped, and another continues from the earlier state. */
export class Finding implements Found {
  private constructor(
    private readonly entries: Entry | undefined,
    private readonly entered: Entered | undefined,
    readonly progress: number,
  ) {}

  static readonly nothing = new Finding(undefined, undefined, 0);

  with(key: Pattern, value: string, is: unknown): Finding {
    return new Finding({ key, value, is, before: this.entries }, this.entered, this.progress);
  }

  withNode(node: Node): Finding {
    return new Finding(this.entries, { node, before: this.entered }, this.progress + 1);
  }

  maybe<T>(pattern: Capture<T>): T | undefined {
    // The pattern itself wrote this entry, so its type is known.
    return this.entryOf(pattern)?.is as T | undefined;
  }

  of<T>(pattern: Capture<T>): T {
    const entry = this.entryOf(pattern);
    if (!entry) throw new Error("the match has no such entry");
    return entry.is as T;
  }

  valueOf(pattern: Pattern): string | undefined {
    return this.entryOf(pattern)?.value;
  }

  get nodes(): Node[] {
    const nodes: Node[] = [];
    for (let at = this.entered; at; at = at.before) nodes.unshift(at.node);
    return nodes;
  }

  private entryOf(pattern: Pattern): Entry | undefined {
    const key = keyOf(pattern);
    let entry = this.entries;
    while (entry && entry.key !== key) entry = entry.before;
    return entry;
  }
}

export function keyOf(pattern: Pattern): Pattern {
  return pattern.kind === "leaf" ? (pattern.key ?? pattern) : pattern;
}
