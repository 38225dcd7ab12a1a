/**
 * The statistics of a tensor that calibration can measure. A pass builds requests; calibration answers with
 * `Statistics`. Pure data: nothing here runs a model.
 */

/** Smallest and largest value, and the number of values. */
export interface RangeRequest {
  readonly kind: "range";
  readonly tensor: string;
  /** The body that contains the tensor (see `GraphEditor.scope`); absent for the main graph. */
  readonly scope?: readonly string[];
}

/** Counts of values in equal bins between the smallest and the largest value. */
export interface HistogramRequest {
  readonly kind: "histogram";
  readonly tensor: string;
  /** As in RangeRequest. */
  readonly scope?: readonly string[];
  /** Default 2048. */
  readonly bins?: number;
}

/** How the rows x of a second-moment matrix are formed from the tensor. */
export type RowLayout =
  | { readonly type: "lastAxis" }
  /**
   * The im2col rows of a convolution (any spatial rank; d = channels per group × kernel size, channel
   * outermost).
   */
  | {
      readonly type: "convolution";
      readonly kernel: readonly number[];
      readonly strides: readonly number[];
      readonly dilations: readonly number[];
      /** begin of each spatial axis, then ends. */
      readonly pads: readonly number[];
      readonly groups: number;
    };

/**
 * G = Σ x xᵀ over rows and the mean of x: the Gram matrix, which least-squares refits and error compensation
 * need. One d × d matrix per group. At most `maxRows` rows are used, spread evenly over the samples.
 */
export interface GramRequest {
  readonly kind: "gram";
  readonly tensor: string;
  readonly layout: RowLayout;
  readonly maxRows?: number;
  /** Whether fewer rows than half of d may come as they are, which takes less memory and work; see Gram. */
  readonly mayBeRows?: boolean;
}

/** Mean and variance per channel (axis 1 unless given; negative axes count from the end). */
export interface MomentsRequest {
  readonly kind: "moments";
  readonly tensor: string;
  readonly axis: number;
}

/** Smallest and largest value of each channel (negative axes count from the end). */
export interface ChannelRangeRequest {
  readonly kind: "channelRange";
  readonly tensor: string;
  readonly axis: number;
}

/** Whose answers are a few numbers. */
export type ScalarRequest = Exclude<StatisticRequest, GramRequest>;
export type StatisticRequest =
  RangeRequest | HistogramRequest | GramRequest | MomentsRequest | ChannelRangeRequest;

export interface Range {
  readonly min: number;
  readonly max: number;
  readonly count: number;
}
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly counts: Float64Array;
  readonly count: number;
}
/** `matrices[g]` is the d × d second-moment matrix of group g, row-major, divided by the number of rows. */
export interface Gram {
  readonly size: number;
  /** Empty where `samples` take their place. */
  readonly matrices: readonly Float64Array[];
  readonly means: readonly Float64Array[];
  readonly rows: number;
  /** The rows of each group [rows, d], if the request allows them and they are few; else absent. */
  readonly samples?: readonly Float32Array[];
}
/** As calibration measures it: large matrices are in single precision. */
export interface MeasuredGram extends Omit<Gram, "matrices"> {
  readonly matrices: readonly (Float32Array | Float64Array)[];
}
/** A file with the matrices or rows of each group, each followed by its mean in double precision. */
export interface StoredGram {
  readonly path: string;
  readonly size: number;
  readonly groups: number;
  readonly rows: number;
  /** "rows" are in single precision, too. */
  readonly form: "doubles" | "singles" | "rows";
}
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly count: number;
}
/** One value per channel; a channel without finite values has min Infinity and max -Infinity. */
export interface ChannelRange {
  readonly min: Float64Array;
  readonly max: Float64Array;
}

export interface StatisticOf {
  range: Range;
  histogram: Histogram;
  gram: Gram;
  moments: Moments;
  channelRange: ChannelRange;
}

/** A stable key: requests with the same key are measured once. */
export function requestKey(request: StatisticRequest): string {
  return JSON.stringify(
    request,
    Object.keys(request).concat("type", "kernel", "strides", "dilations", "pads", "groups").sort(),
  );
}

type AnyValue = StatisticOf[keyof StatisticOf];

/** Answers to requests. An answer is missing if the tensor was never computed or calibration was not run. */
export class Statistics {
  private readonly values = new Map<string, () => AnyValue>();
  private readonly files = new Map<string, StoredGram>();

  set<R extends StatisticRequest>(request: R, value: StatisticOf[R["kind"]]): void {
    this.values.set(requestKey(request), () => value);
  }

  /** For values too large to keep in memory: nothing is cached; each `get` reads it again. */
  setStored<R extends StatisticRequest>(
    request: R,
    read: () => StatisticOf[R["kind"]],
    file?: StoredGram,
  ): void {
    this.values.set(requestKey(request), read);
    if (file) this.files.set(requestKey(request), file);
  }

  /** The file of an answer, which another process may read; it lasts as long as these statistics. */
  fileOf(request: GramRequest): StoredGram | undefined {
    return this.files.get(requestKey(request));
  }

  /** Whether there is an answer, without reading it. */
  has(request: StatisticRequest): boolean {
    return this.values.has(requestKey(request));
  }

  /** Gram matrices may be read from a file at each call: get them one by one, when needed. */
  get<R extends StatisticRequest>(request: R): StatisticOf[R["kind"]] | undefined {
    return this.values.get(requestKey(request))?.() as StatisticOf[R["kind"]] | undefined;
  }

  get size(): number {
    return this.values.size;
  }
}
