/** How near a model's outputs are to the reference's on samples that no pass has learned from. */
import { rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dataset } from "../data/index.js";
import type { Model } from "../ir/index.js";
import { writeModel } from "../onnx/index.js";
import { openRemote, type RemoteRuntime } from "../runtime/index.js";
import { compareOutputs, type OutputFidelity } from "../verify/index.js";

/** What stands for outputs that are equal, dB: beyond what rounding to float32 leaves. */
const EQUAL_DB = 150;

/**
 * Scores models against one reference. Both run in a child process that starts at the first score; close it when done.
 */
export class HeldOutScore {
  private folder: string | undefined;
  private runtime: RemoteRuntime | undefined;
  private referencePath: string | undefined;

  constructor(private readonly reference: Model, private readonly samples: Dataset, private readonly threads: number) {}

  /**
   * Signal to noise in dB, averaged over the outputs. Lower by far where results differ in number. Throws EdgecError
   * when the runtime refuses the model.
   */
  async score(model: Model): Promise<number> {
    this.folder ??= await mkdtemp(join(tmpdir(), "edgec-score-"));
    this.referencePath ??= writeModel(this.reference, join(this.folder, "reference.onnx")).path;
    const compressed = writeModel(model, join(this.folder, "trial.onnx")).path;
    this.runtime ??= await openRemote();
    const { fidelity } = await compareOutputs({
      original: this.referencePath, compressed, fidelityData: this.samples, runtime: this.runtime, session: { threads: this.threads }, isOpen: () => true,
    });
    return meanSqnr(Object.values(fidelity.outputs));
  }

  async close(): Promise<void> {
    await this.runtime?.close();
    if (this.folder !== undefined) await rm(this.folder, { recursive: true, force: true });
    this.runtime = this.folder = this.referencePath = undefined;
  }
}

function meanSqnr(outputs: readonly OutputFidelity[]): number {
  const floating = outputs.filter(({ agreement }) => agreement === null);
  const judged = floating.length > 0 ? floating : outputs;
  return judged.reduce((sum, { sqnrDb, otherSize }) => sum + Math.min(sqnrDb ?? EQUAL_DB, EQUAL_DB) - otherSize, 0) / Math.max(1, judged.length);
}
