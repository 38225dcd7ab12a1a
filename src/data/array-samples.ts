/** Cutting arrays (.npy, .npz) into samples. */
import { BadDataError } from "../errors.js";
import type { TensorValue, ValueInfo } from "../ir/index.js";
import { conform, describeInput } from "./conform.js";
import type { Label, ModelInputs, Sample } from "./dataset.js";
import type { ElementReader, SampleArray } from "./sample-array.js";

/** One input's array and how a sample is cut from it. */
interface Column {
  readonly input: ValueInfo;
  readonly array: SampleArray;
  readonly count: number;
  /** Axis-0 entries of one sample, and whether that axis stays in the sample's shape. */
  readonly step: number;
  readonly keepAxis: boolean;
}

/** Samples of arrays that stay in their file, or views of arrays in memory. */
export class ArraySamples {
  readonly count: number;
  /** Labels per sample: the fixed batch size of the model, 1 in most cases. */
  readonly batch: number;
  private readonly columns: readonly Column[];

  /**
   * @param arrays the array of each input. Of the input's rank: cut along axis 0, keeping the axis with
   *   size 1 (or the model's fixed batch size). Of one rank more: a stack of whole feeds. One-sample arrays
   *   are shared by all samples.
   */
  constructor(
    inputs: ModelInputs,
    arrays: ReadonlyMap<string, SampleArray>,
    private readonly file: string,
  ) {
    this.columns = inputs.map((input) => column(input, arrays.get(input.name)!, file));
    const counts = this.columns.map((c) => c.count);
    this.count = Math.max(...counts);
    const odd = this.columns.find((c) => c.count !== 1 && c.count !== this.count);
    if (odd) {
      const longest = this.columns.find((c) => c.count === this.count)!;
      throw new BadDataError(
        `${file}: array "${odd.input.name}" holds ${odd.count} samples but ` +
          `"${longest.input.name}" holds ${this.count}. All inputs need the same number of ` +
          "samples",
      );
    }
    this.batch = Math.max(1, ...this.columns.map((c) => (c.keepAxis && c.count === this.count ? c.step : 1)));
  }

  /** All samples in order. Holds one sample in memory, and the arrays that all samples share. */
  async *samples(labels?: readonly Label[]): AsyncGenerator<Sample> {
    const readers: ElementReader[] = [];
    try {
      for (const { array } of this.columns) readers.push(await array.open());
      const shared = new Map<Column, TensorValue>();
      for (let index = 0; index < this.count; index++) {
        const feed: Record<string, TensorValue> = {};
        for (const [k, c] of this.columns.entries()) {
          const value = shared.get(c) ?? (await this.cut(c, readers[k]!, index));
          if (c.count === 1) shared.set(c, value);
          feed[c.input.name] = value;
        }
        yield labels ? { feed, label: this.labelOf(index, labels) } : { feed };
      }
    } finally {
      for (const reader of readers) await reader.close();
    }
  }

  private labelOf(index: number, labels: readonly Label[]): Label {
    const { batch } = this;
    return batch === 1 ? labels[index]! : labels.slice(index * batch, (index + 1) * batch);
  }

  private async cut(c: Column, reader: ElementReader, index: number): Promise<TensorValue> {
    const { dims, dataType } = c.array;
    const rest = dims.slice(1);
    const data = await reader.next(c.step * rest.reduce((product, dim) => product * dim, 1));
    const raw = { dataType, data, dims: c.keepAxis ? [c.step, ...rest] : rest };
    return conform(raw, c.input, `${this.file}: array "${c.input.name}", sample ${index}`);
  }
}

function column(input: ValueInfo, array: SampleArray, file: string): Column {
  const shape = input.type?.tensor?.shape;
  const where = `${file}: array "${input.name}" of shape [${array.dims.join(", ")}]`;
  const rank = array.dims.length;
  const inputRank = shape?.length ?? Math.max(1, rank);
  if (rank !== inputRank && rank !== inputRank + 1) {
    const forms = [
      ...(inputRank > 0 ? [`${inputRank} axes (a batch)`] : []),
      `${inputRank + 1} axes (a stack of feeds)`,
    ];
    throw new BadDataError(
      `${where} has ${rank} axes; input "${input.name}" expects ${describeInput(input)}, so ${forms.join(" or ")}`,
    );
  }
  const length = rank === 0 ? 1 : array.dims[0]!;
  if (array.dims.includes(0)) throw new BadDataError(`${where} is empty. At least one sample is needed`);
  const stacked = rank === inputRank + 1;
  const step = stacked || typeof shape?.[0] !== "number" ? 1 : shape[0];
  if (step < 1 || length % step !== 0) {
    throw new BadDataError(
      `${where}: axis 0 is not a multiple of ${step}, the fixed batch size of input ` +
        `"${input.name}" (${describeInput(input)})`,
    );
  }
  return { input, array, count: length / step, step, keepAxis: !stacked };
}
