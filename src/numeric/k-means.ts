/**
 * Optimal k-means in one dimension by dynamic programming (Wang & Song, "Ckmeans.1d.dp", 2011), with the divide
 * and conquer over monotone split points of Grønlund et al. (2017): O(k n log n), deterministic, without start
 * values.
 */

/** More points are combined into bins first; each bin keeps its weighted mean, so little is lost. */
const MAX_POINTS = 4096;

/** Distinct values in ascending order, each with a positive weight. */
interface Points {
  readonly values: Float64Array;
  readonly weights: Float64Array;
}

/**
 * At most `k` centroids, ascending and distinct, that minimise Σ weight · (value - nearest centroid)². Exact up
 * to 4,096 distinct values. Values of zero weight are ignored unless all weights are zero.
 * @param values finite
 * @param weights not negative, one per value; default: all 1
 */
export function kMeans1d(values: ArrayLike<number>, k: number, weights?: ArrayLike<number>): Float64Array {
  const points = condense(values, weights);
  const n = points.values.length;
  if (n <= k) return points.values.slice();
  return centroidsOf(points, splitPoints(points, k));
}

/**
 * Merges equal values; beyond MAX_POINTS distinct ones, those in the same of MAX_POINTS bins of equal
 * width.
 */
function condense(values: ArrayLike<number>, weights?: ArrayLike<number>): Points {
  const weighted =
    weights !== undefined && Array.prototype.some.call(weights, (weight: number) => weight > 0);
  const weightOf = (i: number): number => (weighted ? weights[i]! : 1);
  const distinct = new Map<number, number>();
  for (let i = 0; i < values.length && distinct.size <= MAX_POINTS; i++) {
    if (weightOf(i) > 0) distinct.set(values[i]!, (distinct.get(values[i]!) ?? 0) + weightOf(i));
  }
  if (distinct.size > MAX_POINTS) return binned(values, weightOf);
  const sorted = [...distinct].sort(([a], [b]) => a - b);
  return {
    values: Float64Array.from(sorted, ([value]) => value),
    weights: Float64Array.from(sorted, ([, weight]) => weight),
  };
}

function binned(values: ArrayLike<number>, weightOf: (i: number) => number): Points {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) {
    min = Math.min(min, values[i]!);
    max = Math.max(max, values[i]!);
  }
  const sums = new Float64Array(MAX_POINTS);
  const weights = new Float64Array(MAX_POINTS);
  const scale = (MAX_POINTS - 1e-9) / (max - min);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i]! - min) * scale);
    sums[bin]! += weightOf(i) * values[i]!;
    weights[bin]! += weightOf(i);
  }
  const used = [...weights.keys()].filter((bin) => weights[bin]! > 0);
  return {
    values: Float64Array.from(used, (bin) => sums[bin]! / weights[bin]!),
    weights: Float64Array.from(used, (bin) => weights[bin]!),
  };
}

/** Weighted sum of squares about the mean of points from … to (inclusive), from running sums. */
class SegmentCost {
  private readonly weight: Float64Array;
  private readonly first: Float64Array;
  private readonly second: Float64Array;

  constructor({ values, weights }: Points) {
    const n = values.length;
    this.weight = new Float64Array(n + 1);
    this.first = new Float64Array(n + 1);
    this.second = new Float64Array(n + 1);
    // About the middle value, so that the difference of the two large terms below stays accurate.
    const shift = values[n >> 1]!;
    for (let i = 0; i < n; i++) {
      const x = values[i]! - shift;
      this.weight[i + 1] = this.weight[i]! + weights[i]!;
      this.first[i + 1] = this.first[i]! + weights[i]! * x;
      this.second[i + 1] = this.second[i]! + weights[i]! * x * x;
    }
  }

  of(from: number, to: number): number {
    const weight = this.weight[to + 1]! - this.weight[from]!;
    const first = this.first[to + 1]! - this.first[from]!;
    return Math.max(0, this.second[to + 1]! - this.second[from]! - (first * first) / weight);
  }
}

/** The first point of each of `k` clusters. */
function splitPoints(points: Points, k: number): number[] {
  const n = points.values.length;
  const cost = new SegmentCost(points);
  let previous = Float64Array.from({ length: n }, (_, i) => cost.of(0, i));
  const begins: Int32Array[] = [];
  for (let cluster = 1; cluster < k; cluster++) {
    const current = new Float64Array(n).fill(Infinity);
    const begin = new Int32Array(n);
    const fill = (low: number, high: number, from: number, to: number): void => {
      if (low > high) return;
      const middle = (low + high) >> 1;
      for (let j = Math.max(from, cluster); j <= Math.min(to, middle); j++) {
        const total = previous[j - 1]! + cost.of(j, middle);
        if (total < current[middle]!) [current[middle], begin[middle]] = [total, j];
      }
      fill(low, middle - 1, from, begin[middle]!);
      fill(middle + 1, high, begin[middle]!, to);
    };
    fill(cluster, n - 1, cluster, n - 1);
    begins.push(begin);
    previous = current;
  }
  const splits: number[] = [];
  for (let cluster = k - 1, end = n - 1; cluster >= 0; cluster--) {
    const begin = cluster === 0 ? 0 : begins[cluster - 1]![end]!;
    splits.unshift(begin);
    end = begin - 1;
  }
  return splits;
}

function centroidsOf({ values, weights }: Points, splits: readonly number[]): Float64Array {
  return Float64Array.from(splits, (begin, c) => {
    let weight = 0;
    let sum = 0;
    for (let i = begin; i < (splits[c + 1] ?? values.length); i++) {
      weight += weights[i]!;
      sum += weights[i]! * values[i]!;
    }
    return sum / weight;
  });
}

/** Index of the entry of the ascending `book` nearest to `value`; the lower one of two equally near. */
export function nearestEntry(book: Float64Array, value: number): number {
  let low = 0;
  let high = book.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (book[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - book[low - 1]! <= book[low]! - value ? low - 1 : low;
}

/**
 * Gives `values`, in place, at most `k` distinct ones of least squared error, `fixed` included, which keeps
 * its places. All weigh the same. Returns them.
 */
export function clusterFlat(values: Float32Array, k: number, fixed: number | undefined): Float32Array {
  const counts = fixed === undefined ? undefined : new Uint8Array(values.length);
  if (counts) for (let i = 0; i < values.length; i++) counts[i] = values[i] === fixed ? 0 : 1;
  const book = kMeans1d(values, fixed === undefined ? k : k - 1, counts).map(Math.fround);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== fixed) values[i] = book[nearestEntry(book, value)]!;
  }
  return values;
}
