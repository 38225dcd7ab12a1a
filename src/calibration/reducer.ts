/** Reduces the tensors of one sample after another to the requested statistics. */
import { type Feed, bfloatToFloat, DataType, halfToFloat, type TensorValue } from "../ir/index.js";
import { ChannelRangeAccumulator } from "../numeric/channel-range.js";
import { defaultMaxRows, GramAccumulator, rowsInPlaceOfMatrix, RowSampler } from "../numeric/gram.js";
import type { GramProduct } from "../numeric/lower-triangle.js";
import { HistogramAccumulator } from "../numeric/histogram.js";
import { type RowSource, rowSource } from "../numeric/im2col.js";
import { MomentsAccumulator } from "../numeric/moments.js";
import { areFinite, finiteRange, RangeAccumulator, type RealArray } from "../numeric/range.js";
import {
  requestKey,
  type GramRequest,
  type MeasuredGram,
  type Range,
  type ScalarRequest,
  type StatisticOf,
  type StatisticRequest,
} from "../numeric/statistics.js";

export type Statistic = StatisticOf[keyof StatisticOf];

/** A tensor with unusable values, and the reason ("holds NaN"). */
export interface TensorProblem {
  readonly tensor: string;
  readonly reason: string;
}

/**
 * Collects the statistic of one request from each sample. Returns what is wrong with the values, if anything.
 */
interface Observer {
  add(values: RealArray, dims: readonly number[]): string | undefined | Promise<string | undefined>;
  result(): Measured | undefined | Promise<Measured | undefined>;
}

type Measured = Statistic | MeasuredGram;

/** Accumulates the statistics of a set of requests. Each tensor is read once per request. */
export class Reducer {
  private readonly byTensor = new Map<string, Observer[]>();
  private readonly byRequest = new Map<string, Observer>();

  /**
   * @param samples the number of samples to come; Gram rows are spread over them
   * @param product multiplies blocks of Gram rows
   */
  constructor(requests: readonly StatisticRequest[], samples: number, product: GramProduct) {
    const histograms = new Map<string, HistogramObserver>();
    for (const request of requests) {
      const key = requestKey(request);
      if (request.kind !== "histogram" || this.byRequest.has(key)) continue;
      const observer = new HistogramObserver(new HistogramAccumulator(request.bins));
      histograms.set(request.tensor, observer);
      this.register(key, request.tensor, observer);
    }
    for (const request of requests) {
      const key = requestKey(request);
      if (request.kind === "histogram" || this.byRequest.has(key)) continue;
      const histogram = histograms.get(request.tensor);
      // A histogram already knows the range.
      if (request.kind === "range" && histogram)
        this.byRequest.set(key, { add: () => undefined, result: () => histogram.range() });
      else this.register(key, request.tensor, observerFor(request, samples, product));
    }
  }

  /**
   * Adds the tensors of one sample. Ignores tensors that were not requested or are not floating point.
   * Returns the first tensor with unusable values, or undefined.
   */
  async observe(values: Feed): Promise<TensorProblem | undefined> {
    for (const [tensor, observers] of this.byTensor) {
      const value = Object.hasOwn(values, tensor) ? values[tensor] : undefined;
      const reals = value && realValues(value);
      if (!reals) continue;
      for (const observer of observers) {
        const reason = await observer.add(reals, value.dims);
        if (reason !== undefined) return { tensor, reason };
      }
    }
    return undefined;
  }

  /** Returns the statistic of one request, once, and frees its memory. Undefined if nothing was seen. */
  async takeStatistic(request: ScalarRequest): Promise<Statistic | undefined> {
    return (await this.take(request)) as Statistic | undefined;
  }

  async takeGram(request: GramRequest): Promise<MeasuredGram | undefined> {
    return (await this.take(request)) as MeasuredGram | undefined;
  }

  private async take(request: StatisticRequest): Promise<Measured | undefined> {
    const key = requestKey(request);
    const observer = this.byRequest.get(key);
    this.byRequest.delete(key);
    return observer?.result();
  }

  private register(key: string, tensor: string, observer: Observer): void {
    this.byRequest.set(key, observer);
    this.byTensor.set(tensor, [...(this.byTensor.get(tensor) ?? []), observer]);
  }
}

class HistogramObserver implements Observer {
  constructor(private readonly accumulator: HistogramAccumulator) {}

  add(values: RealArray): string | undefined {
    return this.accumulator.add(values) > 0 ? "holds NaN" : undefined;
  }

  result(): Statistic | undefined {
    return this.accumulator.result();
  }

  range(): Range | undefined {
    return this.accumulator.range();
  }
}

function observerFor(
  request: Exclude<StatisticRequest, { kind: "histogram" }>,
  samples: number,
  product: GramProduct,
): Observer {
  switch (request.kind) {
    case "range": {
      const range = new RangeAccumulator();
      return {
        add: (values) => (range.add(values) > 0 ? "holds NaN" : undefined),
        result: () => range.result(),
      };
    }
    case "channelRange": {
      const range = new ChannelRangeAccumulator();
      return {
        add: (values, dims) => (range.add(values, dims, request.axis) > 0 ? "holds NaN" : undefined),
        result: () => range.result(),
      };
    }
    case "moments": {
      const moments = new MomentsAccumulator();
      return {
        add: (values, dims) => notFinite(values) ?? (void moments.add(values, dims, request.axis), undefined),
        result: () => moments.result(),
      };
    }
    case "gram":
      return new GramObserver(request, samples, product);
  }
}

/** Unlike ranges, sums cannot leave infinities out, so they are errors here. */
function notFinite(values: RealArray): string | undefined {
  if (areFinite(values)) return undefined;
  const { finite, nans } = finiteRange(values);
  if (finite === values.length) return undefined;
  return nans > 0 ? "holds NaN" : "holds infinite values";
}

/**
 * Draws rows from each sample and collects them. The first sample fixes the size; tensors of another size are
 * skipped.
 */
class GramObserver implements Observer {
  private gram: GramAccumulator | undefined;
  private sampler: RowSampler | undefined;
  private size = 0;

  constructor(
    private readonly request: GramRequest,
    private readonly samples: number,
    private readonly product: GramProduct,
  ) {}

  async add(values: RealArray, dims: readonly number[]): Promise<string | undefined> {
    const source = rowSource(this.request.layout, dims);
    if (!source || (this.gram && source.size !== this.size)) return undefined;
    const problem = notFinite(values);
    if (problem !== undefined) return problem;
    this.size = source.size;
    const maxRows = this.request.maxRows ?? defaultMaxRows(source.size);
    const gram = (this.gram ??= this.accumulator(source, maxRows));
    this.sampler ??= new RowSampler(maxRows, this.samples);
    const rows = this.sampler.next(source.rows);
    const floats = values instanceof Float32Array ? values : Float32Array.from(values);
    for (let from = 0; from < rows.length;) {
      await gram.makeRoom();
      const part = rows.slice(from, from + gram.capacity - gram.used);
      source.gather(floats, part, gram.block, gram.used, gram.capacity);
      await gram.commit(part.length);
      from += part.length;
    }
    return undefined;
  }

  async result(): Promise<MeasuredGram | undefined> {
    return this.gram?.result();
  }

  /** Later samples are expected to have as many rows as the first. */
  private accumulator({ size, groups, rows }: RowSource, maxRows: number): GramAccumulator {
    const expected = Math.min(maxRows, rows * this.samples);
    const kept = this.request.mayBeRows ? rowsInPlaceOfMatrix(size, expected) : undefined;
    return new GramAccumulator(size, groups, this.product, kept);
  }
}

/**
 * The values of a float, double, float16 or bfloat16 tensor (a view for the first two); undefined for other
 * types.
 */
export function realValues(tensor: TensorValue): RealArray | undefined {
  const { data, dataType } = tensor;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  if (!(data instanceof Uint16Array)) return undefined;
  if (dataType === DataType.FLOAT16) return widen(data, table("half", halfToFloat));
  return dataType === DataType.BFLOAT16 ? widen(data, table("bfloat", bfloatToFloat)) : undefined;
}

function widen(bits: Uint16Array, values: Float32Array): Float32Array {
  const wide = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = values[bits[i]!]!;
  return wide;
}

const TABLES = new Map<string, Float32Array>();

/** A table of the values of all 65,536 bit patterns. */
function table(name: string, decode: (bits: number) => number): Float32Array {
  const known = TABLES.get(name) ?? Float32Array.from({ length: 65_536 }, (_, bits) => decode(bits));
  TABLES.set(name, known);
  return known;
}
