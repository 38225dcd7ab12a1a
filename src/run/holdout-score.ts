/** Scores how close a model's outputs are to the reference's, on held-out samples. */
import type { CalibrationProcess } from "../calibration/process.js";
import { modelLabel } from "../calibration/scratch-models.js";
import type { Dataset } from "../data/index.js";
import type { Feed, Model, NumericArray } from "../ir/index.js";
import { TemporaryFolder, writeModel } from "../onnx/index.js";
import { type RemoteRuntime, type UsedLevel, YIELDING } from "../runtime/index.js";
import {
  FidelityMeter,
  isOfFloats,
  type OutputFidelity,
  readableOutputs,
  requireLevel,
} from "../verify/index.js";

/** Names the scored model in messages. */
const TRIAL = "the model on trial";

/** The score of equal outputs, dB: more than rounding to float32 allows. */
const EQUAL_DB = 150;

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

  constructor(
    private readonly reference: Model,
    private readonly samples: Dataset,
    private readonly threads: number,
    private readonly process: CalibrationProcess,
    private readonly maxBytes = MAX_BYTES,
    private readonly maxFeedBytes = MAX_FEED_BYTES,
  ) {}

  /**
   * The mean signal-to-noise ratio of the outputs in dB, less one for each sample with a different number of
   * results. Throws EdgecError if the runtime rejects the model.
   * @param most the number of samples to use, for an estimate
   */
  async score(model: Model, most = Infinity): Promise<number> {
    this.folder ??= await TemporaryFolder.create("score");
    const runtime = await this.process.runtime();
    this.expected ??= await this.runReference(runtime, this.folder);
    const meter = new FidelityMeter(() => true);
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
    return meanScore(Object.values(meter.result()));
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

/** The mean over floating-point outputs, or over all outputs if there are none. */
function meanScore(outputs: readonly OutputFidelity[]): number {
  if (outputs.length === 0) return EQUAL_DB;
  const floating = outputs.filter(isOfFloats);
  const judged = floating.length > 0 ? floating : outputs;
  return judged.reduce((sum, output) => sum + scoreOf(output) - output.otherSize, 0) / judged.length;
}

/** For outputs that are right or wrong, the share of wrong ones is the noise: 90 of 100 right are 10 dB. */
function scoreOf({ sqnrDb, agreement }: OutputFidelity): number {
  const db = agreement === null ? (sqnrDb ?? EQUAL_DB) : -10 * Math.log10(1 - agreement);
  return Math.min(db, EQUAL_DB);
}
