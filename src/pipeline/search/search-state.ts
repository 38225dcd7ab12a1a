/** What a search has measured, beside the output while it runs: one that was broken off goes on from there. */
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { temporaryBeside } from "../../onnx/index.js";
import { whyUnreadable } from "../../regular-file.js";
import { VERSION } from "../../version.js";
import type { NodeSensitivity } from "./float-nodes.js";
import type { ModelJudges } from "./search-tools.js";

interface Stored { readonly key: string; readonly ranking: readonly NodeSensitivity[] }

export class SearchState implements NonNullable<ModelJudges["memory"]> {
  ranking: readonly NodeSensitivity[] | undefined;
  private readonly key: string;
  /** Whether the file is that of a search, which another may overwrite and remove. */
  private isOurs: boolean;

  /**
   * @param path where it is kept
   * @param inputs the files that the measurements depend on: the model's and the data's
   * @param settings what they depend on besides: another value makes what was stored void
   */
  constructor(private readonly path: string, inputs: readonly string[], settings: unknown) {
    this.key = createHash("sha256").update(JSON.stringify([VERSION, inputs.map(identity), settings])).digest("hex");
    const stored = read(path);
    this.isOurs = stored !== undefined || lstatSync(path, { throwIfNoEntry: false }) === undefined;
    this.ranking = stored?.key === this.key ? stored.ranking : undefined;
  }

  /** Failing to write loses nothing but the way back. */
  save(ranking: readonly NodeSensitivity[]): void {
    this.ranking = ranking;
    if (!this.isOurs) return;
    const aside = temporaryBeside(this.path, "search");
    try {
      // A run may be killed at any time, and half a file could not be told from another program's.
      writeFileSync(aside, JSON.stringify({ key: this.key, ranking } satisfies Stored));
      renameSync(aside, this.path);
    } catch {
      rmSync(aside, { force: true });
    }
  }

  /** The search has come to its end. */
  remove(): void {
    if (this.isOurs) rmSync(this.path, { force: true });
  }
}

/** What was stored, by whatever search; undefined for another file. */
function read(path: string): Stored | undefined {
  if (whyUnreadable(path) !== undefined) return undefined;
  try {
    const { key, ranking } = JSON.parse(readFileSync(path, "utf8")) as Partial<Stored>;
    return typeof key === "string" && Array.isArray(ranking) ? { key, ranking: ranking as NodeSensitivity[] } : undefined;
  } catch {
    return undefined;
  }
}

/** A changed file has another size or time. Data that is made in memory has neither. */
function identity(path: string): readonly [string, number, number] {
  const found = statSync(path, { throwIfNoEntry: false });
  return [path, found?.size ?? 0, found?.mtimeMs ?? 0];
}
