/**
 * Which weights to keep, by score. Ties go to the earlier weight, so that counts are exact and results
 * repeat.
 */

/** Scores of the weights of one layer. A weight whose `alive` is 0 is gone already and stays so. */
export interface Ranked {
  /** Not negative. */
  readonly scores: Float32Array;
  readonly alive: Uint8Array;
}

export function countAlive(alive: Uint8Array): number {
  const wholes = alive.byteOffset % 4 === 0 ? alive.length >> 2 : 0;
  const words = wholes > 0 ? new Uint32Array(alive.buffer, alive.byteOffset, wholes) : [];
  let count = 0;
  // Four at a time: no byte of a sum of so many words overflows.
  for (let from = 0; from < wholes; from += WORDS) {
    let sum = 0;
    for (let i = from; i < Math.min(wholes, from + WORDS); i++) sum += words[i]!;
    count += (sum & 255) + ((sum >>> 8) & 255) + ((sum >>> 16) & 255) + (sum >>> 24);
  }
  for (let i = 4 * wholes; i < alive.length; i++) count += alive[i]!;
  return count;
}

const WORDS = 255;

/**
 * Keeps the `keep` highest scores over all layers alive and clears the rest. The threshold is found by
 * counting bit patterns, which for floats of one sign order as their values do: two sweeps, no sorting, no
 * memory by weight.
 */
export function keepHighest(layers: readonly Ranked[], keep: number): void {
  const total = layers.reduce((sum, layer) => sum + countAlive(layer.alive), 0);
  if (keep >= total) return;
  if (keep <= 0) {
    for (const { alive } of layers) alive.fill(0);
    return;
  }
  const high = rankIn(countUpper(layers), keep);
  const low = rankIn(countLower(layers, high.bucket), high.remaining);
  const threshold = high.bucket * 65536 + low.bucket;
  let ties = low.remaining;
  for (const { scores, alive } of layers) {
    const bits = bitsOf(scores);
    for (let i = 0; i < bits.length; i++) {
      const own = bits[i]!;
      if (own === threshold && ties > 0) ties -= alive[i]!;
      // Without a branch, which no processor can foretell here.
      else alive[i]! &= Number(own > threshold);
    }
  }
}

/** Weights below it go, and those equal to it once `ties` of them were kept; see `zeroBelow`. */
export interface MagnitudeThreshold {
  /** The bit pattern of the magnitude. */
  readonly bits: number;
  ties: number;
}

/**
 * The threshold that leaves the `keep` largest magnitudes, found as in `keepHighest`. `tensors` is gone
 * through twice and may read them anew each time. Zeros count as gone.
 */
export async function magnitudeThreshold(
  tensors: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  keep: number,
): Promise<MagnitudeThreshold> {
  const upper = await countMagnitudes(tensors, (bits) => bits >>> 16);
  if (keep >= upper.reduce((sum, count) => sum + count, 0)) return { bits: 0, ties: 0 };
  if (keep <= 0) return { bits: 0x7fffffff, ties: 0 };
  const high = rankIn(upper, keep);
  const low = rankIn(
    await countMagnitudes(tensors, (bits) => (bits >>> 16 === high.bucket ? bits & 0xffff : -1)),
    high.remaining,
  );
  return { bits: high.bucket * 65536 + low.bucket, ties: low.remaining };
}

/**
 * Sets values below the threshold to zero and says how many were not zero before and after. Uses up ties,
 * in order.
 */
export function zeroBelow(
  values: Float32Array,
  threshold: MagnitudeThreshold,
): { before: number; after: number } {
  const bits = bitsOf(values);
  let before = 0;
  let after = 0;
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude === 0) continue;
    before++;
    if (magnitude > threshold.bits) after++;
    else if (magnitude === threshold.bits && threshold.ties > 0) {
      threshold.ties--;
      after++;
    } else values[i] = 0;
  }
  return { before, after };
}

async function countMagnitudes(
  tensors: AsyncIterable<Float32Array> | Iterable<Float32Array>,
  bucket: (bits: number) => number,
): Promise<Float64Array> {
  const counts = new Float64Array(65536);
  for await (const values of tensors) {
    const bits = bitsOf(values);
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i]! & 0x7fffffff;
      const b = magnitude === 0 ? -1 : bucket(magnitude);
      if (b >= 0) counts[b]!++;
    }
  }
  return counts;
}

/** How many scores have each pattern of the upper sixteen bits. */
function countUpper(layers: readonly Ranked[]): Float64Array {
  const counts = new Float64Array(65536);
  for (const { scores, alive } of layers) {
    const bits = bitsOf(scores);
    for (let i = 0; i < bits.length; i++) counts[bits[i]! >>> 16]! += alive[i]!;
  }
  return counts;
}

/** How many of those with these upper bits have each pattern of the lower ones. */
function countLower(layers: readonly Ranked[], upper: number): Float64Array {
  const counts = new Float64Array(65536);
  for (const { scores, alive } of layers) {
    const bits = bitsOf(scores);
    for (let i = 0; i < bits.length; i++)
      if (bits[i]! >>> 16 === upper && alive[i] !== 0) counts[bits[i]! & 0xffff]!++;
  }
  return counts;
}

/** The bucket that holds the `rank`-th highest (from 1), and its rank within the bucket. */
function rankIn(counts: Float64Array, rank: number): { bucket: number; remaining: number } {
  let remaining = rank;
  for (let b = counts.length - 1; b > 0; b--) {
    if (remaining <= counts[b]!) return { bucket: b, remaining };
    remaining -= counts[b]!;
  }
  return { bucket: 0, remaining };
}

function bitsOf(scores: Float32Array): Uint32Array {
  return new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
}

/**
 * Keeps at most `n` of every `m` consecutive features of each row, the highest scores first (Mishra et al.,
 * "Accelerating sparse deep neural networks", 2021). A shorter group at the end of a run keeps at most `n`
 * as well.
 * @param columns features of a row
 * @param stride features this far apart are neighbours on the input axis: the size of a convolution's
 *   kernel, else 1
 */
export function keepPattern(
  { scores, alive }: Ranked,
  columns: number,
  pattern: { n: number; m: number },
  stride: number,
): void {
  const { n, m } = pattern;
  const length = columns / stride;
  const group: number[] = [];
  for (let row = 0; row < scores.length; row += columns) {
    for (let lane = 0; lane < stride; lane++) {
      for (let begin = 0; begin < length; begin += m) {
        group.length = 0;
        for (let k = begin; k < Math.min(begin + m, length); k++) {
          const at = row + k * stride + lane;
          if (alive[at] === 1) group.push(at);
        }
        group.sort((a, b) => scores[b]! - scores[a]! || a - b);
        for (const at of group.slice(n)) alive[at] = 0;
      }
    }
  }
}

/** What `keepPattern` leaves alive. */
export function aliveInPattern(
  layer: Ranked,
  columns: number,
  pattern: { n: number; m: number },
  stride: number,
): Uint8Array {
  keepPattern(layer, columns, pattern, stride);
  return layer.alive;
}

/**
 * As `keepPattern` by magnitude alone, in place, on values that lie in another order: that of row r and
 * column c at `rowOffsets[r] + columnOffsets[c]`. Says how many were not zero before and after.
 */
export function zeroPattern(
  values: Float32Array,
  { rowOffsets, columnOffsets }: { rowOffsets: Int32Array; columnOffsets: Int32Array },
  { n, m }: { n: number; m: number },
  stride: number,
): { before: number; after: number } {
  const length = columnOffsets.length / stride;
  const places = new Int32Array(m);
  const magnitudes = new Float32Array(m);
  let before = 0;
  let after = 0;
  for (const start of rowOffsets) {
    for (let lane = 0; lane < stride; lane++) {
      for (let begin = 0; begin < length; begin += m) {
        const count = Math.min(m, length - begin);
        for (let k = 0; k < count; k++) {
          places[k] = start + columnOffsets[(begin + k) * stride + lane]!;
          magnitudes[k] = Math.abs(values[places[k]!]!);
        }
        for (let k = 0; k < count; k++) {
          const isAlive = magnitudes[k]! > 0;
          const isKept = isAlive && rankAmong(magnitudes, count, k) < n;
          if (isAlive) before++;
          if (isKept) after++;
          else values[places[k]!] = 0;
        }
      }
    }
  }
  return { before, after };
}

/** How many of the first `count` come before the `k`-th, the largest first and of equal ones the earlier. */
function rankAmong(magnitudes: Float32Array, count: number, k: number): number {
  const own = magnitudes[k]!;
  let rank = 0;
  for (let j = 0; j < count; j++) if (magnitudes[j]! > own || (magnitudes[j] === own && j < k)) rank++;
  return rank;
}

/**
 * How many weights stay after each of `stages` stages, the last `keep`: every stage keeps the same share of
 * those before it, so that losses are measured anew more often where more hangs on them.
 */
export function stageCounts(total: number, keep: number, stages: number): number[] {
  const floor = Math.max(keep, 1);
  return Array.from({ length: stages }, (_, s) =>
    s === stages - 1 ? keep : Math.round(total * (floor / total) ** ((s + 1) / stages)),
  );
}
