/** Values of a tensor of another model, which a measured model gets as an additional input. */
import { modelComputing } from "../calibration/augment.js";
import type { CalibrationProcess } from "../calibration/process.js";
import { modelLabel } from "../calibration/scratch-models.js";
import type { Dataset, Sample } from "../data/index.js";
import type { Feed, Model, NumericArray, TensorValue } from "../ir/index.js";
import { TemporaryFolder, writeModel } from "../onnx/index.js";
import type { GivenInput } from "../passes/contract.js";
import { YIELDING } from "../runtime/index.js";
import { ModelKeys } from "./model-keys.js";

/** Bytes of values to cache. Beyond this, the other model runs again at each request. */
const MAX_BYTES = 2 ** 26;

/**
 * Runs another model once over the samples and keeps its values for repeated measurements.
 */
export class CachedActivations {
  private readonly keys = new ModelKeys();
  private kept: { readonly key: string; readonly values: readonly TensorValue[] } | undefined;

  constructor(
    private readonly threads: number,
    private readonly process: CalibrationProcess,
    private readonly maxBytes = MAX_BYTES,
  ) {}

  /**
   * The samples with an additional input.
   * @param data identifies the dataset within a run
   */
  async beside(dataset: Dataset, data: string, { input, model, tensor }: GivenInput): Promise<Dataset> {
    const computing = modelComputing(model, [tensor]);
    const key = JSON.stringify([data, tensor, this.keys.of(computing)]);
    if (this.kept?.key !== key) {
      this.kept = undefined;
      const values = await this.collect(computing, dataset, tensor);
      if (values) this.kept = { key, values };
    }
    const { kept } = this;
    return {
      ...dataset,
      samples: () =>
        withInput(input, kept ? paired(dataset, kept.values) : this.run(computing, dataset, tensor)),
    };
  }

  /** Undefined if they are too large to keep. */
  private async collect(
    computing: Model,
    dataset: Dataset,
    tensor: string,
  ): Promise<TensorValue[] | undefined> {
    const values: TensorValue[] = [];
    let bytes = 0;
    for await (const [, value] of this.run(computing, dataset, tensor)) {
      bytes += (value.data as NumericArray).byteLength;
      if (bytes > this.maxBytes) return undefined;
      values.push(value);
    }
    return values;
  }

  private async *run(computing: Model, dataset: Dataset, tensor: string): AsyncGenerator<Pair> {
    const runtime = await this.process.runtime();
    const folder = await TemporaryFolder.create("given");
    try {
      const path = writeModel(computing, folder.file("model.onnx"), { durable: false }).path;
      const label = modelLabel(computing);
      const session = await runtime.open(path, { threads: this.threads, config: YIELDING, label });
      try {
        for await (const sample of dataset.samples())
          yield [sample, (await session.run(sample.feed, [tensor]))[tensor]!];
      } finally {
        // The reader may stop early. If the process has ended, the session is gone already.
        await session.release().catch(() => undefined);
      }
    } finally {
      await folder.remove();
    }
  }
}

type Pair = readonly [Sample, TensorValue];

async function* paired(dataset: Dataset, values: readonly TensorValue[]): AsyncGenerator<Pair> {
  let index = 0;
  for await (const sample of dataset.samples()) yield [sample, values[index++]!];
}

async function* withInput(input: string, pairs: AsyncGenerator<Pair>): AsyncGenerator<Sample> {
  for await (const [{ feed, ...sample }, value] of pairs)
    yield { ...sample, feed: { ...feed, [input]: value } satisfies Feed };
}
