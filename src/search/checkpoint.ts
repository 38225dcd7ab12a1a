/**
 * Stores the measurements of a search next to the output while it runs, so that an interrupted search can
 * resume.
 */
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { temporaryBeside } from "../onnx/index.js";
import { whyUnreadable } from "../regular-file.js";
import { VERSION } from "../version.js";
import type { NodeSensitivity } from "./by-accuracy.js";
import type { ModelEvaluators } from "./search-types.js";

interface Stored {
  readonly key: string;
  readonly ranking: readonly NodeSensitivity[];
}

export class Checkpoint implements NonNullable<ModelEvaluators["memory"]> {
  ranking: readonly NodeSensitivity[] | undefined;
  private readonly key: string;
  /** Whether the file is a search's checkpoint, which another search may overwrite and remove. */
  private isOurs: boolean;

  /**
   * @param path path of the checkpoint
   * @param inputs the files that the measurements depend on: the model's and the data's
   * @param settings further settings that they depend on; a different value invalidates the stored measurements
   */
  constructor(
    private readonly path: string,
    inputs: readonly string[],
    settings: unknown,
  ) {
    this.key = createHash("sha256")
      .update(JSON.stringify([VERSION, inputs.map(identity), settings]))
      .digest("hex");
    const stored = read(path);
    this.isOurs = stored !== undefined || lstatSync(path, { throwIfNoEntry: false }) === undefined;
    this.ranking = stored?.key === this.key ? stored.ranking : undefined;
  }

  /** A failed write only loses the ability to resume. */
  save(ranking: readonly NodeSensitivity[]): void {
    this.ranking = ranking;
    if (!this.isOurs) return;
    const aside = temporaryBeside(this.path, "search");
    try {
      // A run may be killed at any time, and half a file could not be distinguished from another program's.
      writeFileSync(aside, JSON.stringify({ key: this.key, ranking } satisfies Stored));
      renameSync(aside, this.path);
    } catch {
      rmSync(aside, { force: true });
    }
  }

  /** Removes the checkpoint of a finished search. */
  remove(): void {
    if (this.isOurs) rmSync(this.path, { force: true });
  }
}

/** The stored measurements of any search; undefined for another file. */
function read(path: string): Stored | undefined {
  if (whyUnreadable(path) !== undefined) return undefined;
  try {
    const { key, ranking } = JSON.parse(readFileSync(path, "utf8")) as Partial<Stored>;
    return typeof key === "string" && Array.isArray(ranking)
      ? { key, ranking: ranking as NodeSensitivity[] }
      : undefined;
  } catch {
    return undefined;
  }
}

/** A changed file has another size or time. Data in memory has neither. */
function identity(path: string): readonly [string, number, number] {
  const found = statSync(path, { throwIfNoEntry: false });
  return [path, found?.size ?? 0, found?.mtimeMs ?? 0];
}
