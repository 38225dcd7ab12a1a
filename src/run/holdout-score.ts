/** Scores how close a model's outputs are to the reference's, on held-out samples. */
import type { CalibrationProcess } from "../calibration/process.js";
import { modelLabel } from "../calibration/scratch-models.js";
import type { Dataset } from "../data/index.js";
import type { Feed, Model, NumericArray } from "../ir/index.js";
import { TemporaryFolder, writeModel } from "../onnx/index.js";
import { type RemoteRuntime, type UsedLevel, YIELDING } from "../runtime/index.js";
import { FidelityMeter, makersOfOutputs, type Maker, type SampleScores } from "../fidelity/index.js";
import { readableOutputs, requireLevel } from "../verify/index.js";

/** Names the scored model in messages. */
const TRIAL = "the model on trial";

/** Bytes of inputs and outputs to keep, and the number of samples to keep however large they are. */
const MAX_BYTES = 2 ** 28;
const MIN_SAMPLES = 2;
/** Bytes of inputs to keep. The rest are read from the data again for each model. */
const MAX_FEED_BYTES = 2 ** 25;

interface Expected {
  /** Undefined where the inputs are read again. */
  readonly feed: Feed | undefined;
  readonly outputs: Feed;
}

/**
 * Scores models against one reference. Both run in the given process, which its owner ends; close this when
 * done. The reference runs once, on the first held-out samples up to `maxBytes`, and its outputs are kept.
 * Large inputs are read again.
 */
export class HoldoutScore {
  private folder: TemporaryFolder | undefined;
  private expected: readonly Expected[] | undefined;
  /** The optimization level at which the reference runs. */
  private level: UsedLevel | undefined;
  private readonly makers: ReadonlyMap<string, Maker>;

  constructor(
    private readonly reference: Model,
    private readonly samples: Dataset,
    private readonly threads: number,
    private readonly process: CalibrationProcess,
    private readonly maxBytes = MAX_BYTES,
    private readonly maxFeedBytes = MAX_FEED_BYTES,
  ) {
    this.makers = makersOfOutputs(reference);
  }

  /**
   * How close the outputs are on each sample, where they decide. Throws EdgecError if the runtime rejects the model.
   * @param most the number of samples to use, for an estimate
   */
  async score(model: Model, most = Infinity): Promise<SampleScores> {
    this.folder ??= await TemporaryFolder.create("score");
    const runtime = await this.process.runtime();
    this.expected ??= await this.runReference(runtime, this.folder);
    const meter = new FidelityMeter(() => true, this.makers);
    const { model: readable, outputs: names } = readableOutputs(model);
    const path = writeModel(readable, this.folder.file("trial.onnx"), { durable: false }).path;
    const session = await runtime.open(path, { threads: this.threads, config: YIELDING, label: TRIAL });
    try {
      for await (const { feed, outputs } of this.pairs(this.expected.slice(0, most))) {
        const common = Object.fromEntries(Object.entries(outputs).filter(([name]) => names.includes(name)));
        meter.observe(common, await session.run(feed, Object.keys(common)), TRIAL);
      }
      if (this.level) requireLevel(TRIAL, await session.usedLevel(), this.level);
    } finally {
      await session.release().catch(() => undefined);
    }
    if (most === Infinity) await this.process.rest();
    return meter.scores();
  }

  async close(): Promise<void> {
    await this.folder?.remove();
    this.folder = this.expected = undefined;
  }

  private async *pairs(
    expected: readonly Expected[],
  ): AsyncGenerator<{ readonly feed: Feed; readonly outputs: Feed }> {
    let index = 0;
    for (const { feed, outputs } of expected) {
      if (!feed) break;
      yield { feed, outputs };
      index++;
    }
    if (index === expected.length) return;
    let at = 0;
    for await (const { feed } of this.samples.samples()) {
      if (at >= index) yield { feed, outputs: expected[at]!.outputs };
      if (++at === expected.length) return;
    }
  }

  private async runReference(runtime: RemoteRuntime, folder: TemporaryFolder): Promise<Expected[]> {
    const { model, outputs: names } = readableOutputs(this.reference);
    const path = writeModel(model, folder.file("reference.onnx"), { durable: false }).path;
    const label = modelLabel(this.reference);
    const session = await runtime.open(path, { threads: this.threads, config: YIELDING, label });
    try {
      const expected: Expected[] = [];
      let bytes = 0;
      let feedBytes = 0;
      // Without a readable output, all models score the same.
      if (names.length > 0)
        for await (const { feed } of this.samples.samples()) {
          const outputs = await session.run(feed, names);
          feedBytes += bytesOf(feed);
          bytes += bytesOf(feed) + bytesOf(outputs);
          if (expected.length >= MIN_SAMPLES && bytes > this.maxBytes) break;
          expected.push({ feed: feedBytes <= this.maxFeedBytes ? feed : undefined, outputs });
        }
      this.level = await session.usedLevel();
      return expected;
    } finally {
      await session.release().catch(() => undefined);
    }
  }
}

/** Strings do not count: they are few. */
function bytesOf(values: Feed): number {
  return Object.values(values).reduce(
    (sum, { data }) => sum + (Array.isArray(data) ? 0 : (data as NumericArray).byteLength),
    0,
  );
}
