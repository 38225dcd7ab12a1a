/** How near a model's outputs are to the reference's on samples that no pass has learned from. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset } from "../data/index.js";
import type { Feed, Model } from "../ir/index.js";
import { writeModel } from "../onnx/index.js";
import { openRemote, type RemoteRuntime } from "../runtime/index.js";
import { FidelityMeter, type OutputFidelity } from "../verify/index.js";

/** What stands for outputs that are equal, dB: beyond what rounding to float32 leaves. */
const EQUAL_DB = 150;

interface Expected { readonly feed: Feed; readonly outputs: Feed }

/**
 * Scores models against one reference. Both run in a child process that starts at the first score; close it when done.
 * The reference runs once, and what it gives is kept: the held-out samples must fit in memory.
 */
export class HeldOutScore {
  private folder: string | undefined;
  private runtime: RemoteRuntime | undefined;
  private expected: readonly Expected[] | undefined;

  constructor(private readonly reference: Model, private readonly samples: Dataset, private readonly threads: number) {}

  /**
   * Signal to noise in dB, averaged over the outputs; lower by one for each sample whose results differ in number.
   * Throws EdgecError when the runtime refuses the model.
   * @param most of the samples, the first ones, where an estimate is enough
   */
  async score(model: Model, most = Infinity): Promise<number> {
    this.folder ??= await mkdtemp(join(tmpdir(), "edgec-score-"));
    this.runtime ??= await openRemote();
    this.expected ??= await this.runReference(this.runtime, this.folder);
    const meter = new FidelityMeter(() => true);
    const path = writeModel(model, join(this.folder, "trial.onnx")).path;
    const session = await this.runtime.open(path, { threads: this.threads });
    try {
      for (const { feed, outputs } of this.expected.slice(0, most)) meter.observe(outputs, await session.run(feed), path);
    } finally {
      await session.release().catch(() => undefined);
    }
    return meanSqnr(Object.values(meter.result()));
  }

  async close(): Promise<void> {
    await this.runtime?.close();
    if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
    this.runtime = this.folder = this.expected = undefined;
  }

  private async runReference(runtime: RemoteRuntime, folder: string): Promise<Expected[]> {
    const session = await runtime.open(writeModel(this.reference, join(folder, "reference.onnx")).path, { threads: this.threads });
    try {
      const expected: Expected[] = [];
      for await (const { feed } of this.samples.samples()) expected.push({ feed, outputs: await session.run(feed) });
      return expected;
    } finally {
      await session.release().catch(() => undefined);
    }
  }
}

/** Over outputs of floats, or over all where there are none. */
function meanSqnr(outputs: readonly OutputFidelity[]): number {
  const floating = outputs.filter(({ agreement }) => agreement === null);
  const judged = floating.length > 0 ? floating : outputs;
  return judged.reduce((sum, { sqnrDb, otherSize }) => sum + Math.min(sqnrDb ?? EQUAL_DB, EQUAL_DB) - otherSize, 0) / Math.max(1, judged.length);
}
