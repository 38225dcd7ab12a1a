/** Summarizes the values of each input from samples spread over a dataset: enough to recognize wrong data. */
import type { Dataset } from "../data/index.js";
import { BadDataError } from "../errors.js";
import type { Feed, TensorValue } from "../ir/index.js";
import { isFloatValue, numbersOf } from "../fidelity/index.js";

export interface InputSummary {
  readonly name: string;
  readonly isFloating: boolean;
  /** Elements of the first sample. */
  readonly elements: number;
  /** Over finite values; NaN if there are none. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly deviation: number;
  /** Whether all elements of all samples have one value. Not computed for strings. */
  readonly isConstant: boolean;
  /** Values spread over the samples, to compare with the range of other data. */
  readonly some: readonly number[];
}

export interface DataSummary {
  readonly name: string;
  /** Number of samples that were read. */
  readonly samples: number;
  /** Whether there are several samples and all are equal. */
  readonly areEqual: boolean;
  readonly inputs: readonly InputSummary[];
  /** The few samples whose values were summarized. */
  readonly feeds: readonly Feed[];
}

/** Samples to summarize, spread over the first {@link MAX_SAMPLES} if their number is known. */
const MEASURED = 32;
const MAX_SAMPLES = 1024;
/**
 * Most elements of all inputs together, and the number of samples that are summarized whatever their size.
 */
const MAX_ELEMENTS = 2 ** 24;
const MIN_MEASURED = 2;
const KEPT = 8;
/** Number of values kept per sample. */
const KEPT_VALUES = 256;

/**
 * Reads at most {@link MAX_SAMPLES} samples, and no more than needed. Throws BadDataError for NaN, which
 * spoils every statistic.
 */
export async function summarize(data: Dataset): Promise<DataSummary> {
  const meters = new Map<string, InputMeter>();
  const feeds: Feed[] = [];
  const stride = Math.max(1, Math.floor(Math.min(data.size ?? MEASURED, MAX_SAMPLES) / MEASURED));
  let first: Feed | undefined;
  let [samples, measured, elements, areEqual] = [0, 0, 0, true];
  for await (const { feed } of data.samples()) {
    const isMeasured =
      samples % stride === 0 && measured < MEASURED && (elements < MAX_ELEMENTS || measured < MIN_MEASURED);
    if (isMeasured) {
      for (const [name, value] of Object.entries(feed))
        elements += meterOf(meters, name, value).add(
          value,
          `${data.name}: sample ${samples}: input "${name}"`,
        );
      if (feeds.length < KEPT) feeds.push(feed);
      measured++;
    }
    if (first) areEqual &&= sameFeed(first, feed);
    first ??= feed;
    samples++;
    if (samples >= MAX_SAMPLES || (!areEqual && measured >= MEASURED)) break;
  }
  return {
    name: data.name,
    samples,
    areEqual: areEqual && samples > 1,
    inputs: [...meters.values()].map((meter) => meter.result()),
    feeds,
  };
}

function meterOf(meters: Map<string, InputMeter>, name: string, value: TensorValue): InputMeter {
  const known = meters.get(name);
  if (known) return known;
  const meter = new InputMeter(name, value);
  meters.set(name, meter);
  return meter;
}

function sameFeed(a: Feed, b: Feed): boolean {
  return Object.entries(a).every(([name, value]) => {
    const other = b[name];
    if (other?.dims.join() !== value.dims.join()) return false;
    for (let i = 0; i < value.data.length; i++) if (!Object.is(value.data[i], other.data[i])) return false;
    return true;
  });
}

class InputMeter {
  private count = 0;
  private sum = 0;
  private squares = 0;
  private min = Infinity;
  private max = -Infinity;
  private isText = false;
  private readonly some: number[] = [];
  private readonly floating: boolean;
  private readonly elements: number;
  /** Origin of the sums, so that large values with a small spread lose no digits. */
  private origin = NaN;

  constructor(
    private readonly name: string,
    first: TensorValue,
  ) {
    this.floating = isFloatValue(first);
    this.elements = first.data.length;
  }

  /** Returns the number of elements. */
  add(value: TensorValue, where: string): number {
    if (Array.isArray(value.data)) {
      this.isText = true;
      return value.data.length;
    }
    const numbers = numbersOf(value);
    const step = Math.max(1, Math.floor(numbers.length / KEPT_VALUES));
    for (let i = 0; i < numbers.length; i += step) this.some.push(numbers[i]!);
    for (let i = 0; i < numbers.length; i++) {
      const number = numbers[i]!;
      if (Number.isNaN(number))
        throw new BadDataError(
          `${where} holds NaN at flat index ${i}. Correct or remove this sample: data must be finite`,
        );
      if (Number.isFinite(number)) this.addFinite(number);
    }
    return numbers.length;
  }

  private addFinite(number: number): void {
    if (Number.isNaN(this.origin)) this.origin = number;
    const offset = number - this.origin;
    this.count++;
    this.sum += offset;
    this.squares += offset * offset;
    if (number < this.min) this.min = number;
    if (number > this.max) this.max = number;
  }

  result(): InputSummary {
    const { name, floating, elements, count, min, max, origin } = this;
    const shift = this.sum / count;
    const isConstant = !this.isText && count > 1 && min === max;
    return {
      name,
      isFloating: floating,
      elements,
      min: count ? min : NaN,
      max: count ? max : NaN,
      mean: origin + shift,
      deviation: Math.sqrt(Math.max(0, this.squares / count - shift * shift)),
      isConstant,
      some: this.some,
    };
  }
}
