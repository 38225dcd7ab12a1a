/** What a search has measured, beside the output while it runs: one that was broken off goes on from there. */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { NodeSensitivity } from "./float-nodes.js";
import type { ModelJudges } from "./node-search.js";

interface Stored { readonly key: string; readonly ranking: readonly NodeSensitivity[] }

export class SearchState implements NonNullable<ModelJudges["memory"]> {
  ranking: readonly NodeSensitivity[] | undefined;
  private readonly key: string;

  /**
   * @param path where it is kept
   * @param input the model's file
   * @param settings what the measurements depend on besides: another value makes what was stored void
   */
  constructor(private readonly path: string, input: string, settings: unknown) {
    const { size, mtimeMs } = statSync(input);
    this.key = createHash("sha256").update(JSON.stringify([input, size, mtimeMs, settings])).digest("hex");
    this.ranking = this.read();
  }

  /** Failing to write loses nothing but the way back. */
  save(ranking: readonly NodeSensitivity[]): void {
    this.ranking = ranking;
    try {
      writeFileSync(this.path, JSON.stringify({ key: this.key, ranking } satisfies Stored));
    } catch {
      return;
    }
  }

  /** The search has come to its end. */
  remove(): void {
    rmSync(this.path, { force: true });
  }

  private read(): readonly NodeSensitivity[] | undefined {
    try {
      const { key, ranking } = JSON.parse(readFileSync(this.path, "utf8")) as Stored;
      return key === this.key && Array.isArray(ranking) ? ranking : undefined;
    } catch {
      return undefined;
    }
  }
}
