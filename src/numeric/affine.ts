/** Affine quantization: real = scale × (code − zeroPoint). Pure arithmetic on typed arrays. */

export interface AffineParameters {
  readonly scale: number;
  /** Between 0 and 255 for uint8 codes. */
  readonly zeroPoint: number;
}

/** Largest uint8 code. */
const QMAX = 255;

/**
 * Parameters of uint8 codes that cover [min, max]. The range is widened to hold zero, and zero gets a code of
 * its own, because padding and pruned weights must stay exactly zero (Jacob et al. 2018, section 2.1). An empty
 * range gives scale 1.
 */
export function uint8Parameters(min: number, max: number): AffineParameters {
  const low = Math.min(min, 0);
  const high = Math.max(max, 0);
  const scale = Math.fround((high - low) / QMAX);
  // Subnormal scales lose the precision that codes need.
  if (!(scale >= 2 ** -126)) return { scale: 1, zeroPoint: low < 0 ? QMAX : 0 };
  return { scale, zeroPoint: Math.min(QMAX, Math.max(0, Math.round(-low / scale))) };
}

/**
 * Parameters of uint8 codes that represent -limit, 0 and limit exactly; code 0 would be beyond -limit and is
 * not used.
 */
export function symmetricParameters(limit: number): AffineParameters {
  return { scale: Math.fround(limit / 127), zeroPoint: 128 };
}

/**
 * The memory layout of a weight's rows, in the order of the int8 kernel: value (channel, o, i) is at
 * `channel·channelStride + o·outerStride + i·innerStride`, o outermost.
 */
export interface RowOrder {
  readonly channels: number;
  readonly channelStride: number;
  readonly outerCount: number;
  readonly outerStride: number;
  readonly innerCount: number;
  readonly innerStride: number;
}

export interface QuantizedRows {
  /** In the tensor's own order. */
  readonly codes: Int8Array;
  /** One scale per channel; all equal if a single scale was requested. */
  readonly scales: Float32Array;
}

export interface RowOptions {
  /**
   * Keeps 255·|w₀ + w₁| within int16 for each pair of adjacent weights in kernel order. x86-64 without VNNI
   * sums such pairs in 16 bits (VPMADDUBSW) and saturates: full-range weights took the resnet fixture from 41
   * to 15 dB there. Same-sign pairs beyond 128 are rare, so the scale grows little: far less than by giving up
   * a bit for all weights.
   */
  readonly guardPairs: boolean;
  /** The largest magnitude of a code; default 127. */
  readonly maxCode?: number;
  /** Smallest scale allowed for each channel, if something else (such as an int32 bias) needs one. */
  readonly minScales?: Float32Array;
  /** One scale for all channels: the largest that any of them needs. */
  readonly perTensor?: boolean;
}

/** The largest code of symmetric codes with this many bits; the extra negative code is not used. */
export function maxCodeOf(bits: number): number {
  return 2 ** (bits - 1) - 1;
}

/** The largest same-sign pair sum whose product with 255 fits 16 bits. */
export const MAX_PAIR_SUM = 128;

/**
 * Symmetric integer codes with one scale per channel. All-zero channels get scale 1 (or their smallest
 * scale).
 * @throws RangeError for values that are not finite
 */
export function quantizeRows(values: Float32Array, order: RowOrder, options: RowOptions): QuantizedRows {
  const scales = rowScales(values, order, options);
  return { codes: codesAtScales(values, order, scales, options), scales };
}

/** Codes for given scales, one per channel; values out of range are clipped. */
export function codesAtScales(
  values: Float32Array,
  order: RowOrder,
  scales: Float32Array,
  { guardPairs, maxCode = maxCodeOf(8) }: Pick<RowOptions, "guardPairs" | "maxCode">,
): Int8Array {
  const codes = new Int8Array(values.length);
  const row = new Float32Array(order.outerCount * order.innerCount);
  const rowCodes = new Int8Array(row.length);
  for (let channel = 0; channel < order.channels; channel++) {
    const base = channel * order.channelStride;
    gatherRow(values, base, order, row);
    codeRow(row, scales[channel]!, maxCode, rowCodes);
    if (guardPairs) trimPairs(rowCodes);
    scatterRow(rowCodes, base, order, codes);
  }
  return codes;
}

/**
 * Rounds half up, like Math.round. Quotients of float32 numbers never lie so close below a half that the addition
 * rounds up. Math.round took four times as long on weights, where its branch is hard to predict.
 */
function codeRow(row: Float32Array, scale: number, maxCode: number, codes: Int8Array): void {
  for (let k = 0; k < row.length; k++)
    codes[k] = Math.min(maxCode, Math.max(-maxCode, Math.floor(row[k]! / scale + 0.5)));
}

function rowScales(
  values: Float32Array,
  order: RowOrder,
  { guardPairs, maxCode = maxCodeOf(8), minScales, perTensor = false }: RowOptions,
): Float32Array {
  const row = new Float32Array(order.outerCount * order.innerCount);
  const scales = new Float32Array(order.channels);
  let largest = 0;
  for (let channel = 0; channel < order.channels; channel++) {
    gatherRow(values, channel * order.channelStride, order, row);
    scales[channel] = Math.max(rowScale(row, guardPairs, maxCode), minScales?.[channel] ?? 0);
    largest = Math.max(largest, scales[channel]!);
  }
  return scales.map((scale) => (perTensor ? largest : scale) || 1);
}

function rowScale(row: Float32Array, guardPairs: boolean, maxCode: number): number {
  let largest = 0;
  let largestPair = 0;
  for (let k = 0; k < row.length; k++) {
    const w = row[k]!;
    if (!Number.isFinite(w)) throw new RangeError("a weight is not a finite number");
    const magnitude = Math.abs(w);
    if (magnitude > largest) largest = magnitude;
    const next = k % 2 === 0 && k + 1 < row.length ? row[k + 1]! : 0;
    if (w * next > 0 && Math.abs(w + next) > largestPair) largestPair = Math.abs(w + next);
  }
  return Math.max(largest / maxCode, guardPairs ? largestPair / MAX_PAIR_SUM : 0);
}

/** Rounding can raise the sum of a pair to 129; then the larger of the two is reduced by one. */
function trimPairs(codes: Int8Array): void {
  for (let k = 0; k + 1 < codes.length; k += 2) {
    const [a, b] = [codes[k]!, codes[k + 1]!];
    if (a * b <= 0 || Math.abs(a + b) <= MAX_PAIR_SUM) continue;
    const excess = Math.abs(a + b) - MAX_PAIR_SUM;
    const larger = Math.abs(a) >= Math.abs(b) ? k : k + 1;
    codes[larger] = codes[larger]! - Math.sign(a) * excess;
  }
}

function gatherRow(values: Float32Array, base: number, order: RowOrder, row: Float32Array): void {
  for (let o = 0, k = 0; o < order.outerCount; o++) {
    for (let i = 0; i < order.innerCount; i++)
      row[k++] = values[base + o * order.outerStride + i * order.innerStride]!;
  }
}

function scatterRow(row: Int8Array, base: number, order: RowOrder, codes: Int8Array): void {
  for (let o = 0, k = 0; o < order.outerCount; o++) {
    for (let i = 0; i < order.innerCount; i++)
      codes[base + o * order.outerStride + i * order.innerStride] = row[k++]!;
  }
}

/**
 * Rows of a convolution weight [O, C/groups, ...kernel]: kernels walk positions first, channels innermost
 * (NHWC).
 */
export function convolutionRows(dims: readonly number[]): RowOrder {
  const [channels = 1, inputs = 1, ...kernel] = dims;
  const positions = kernel.reduce((product, k) => product * k, 1);
  return {
    channels,
    channelStride: inputs * positions,
    outerCount: positions,
    outerStride: 1,
    innerCount: inputs,
    innerStride: positions,
  };
}

/** Rows of a [K, N] matrix whose outputs are its columns, or of [N, K] when `transposed`. */
export function matrixRows(dims: readonly [number, number], transposed: boolean): RowOrder {
  const [rows, columns] = dims;
  return transposed
    ? {
        channels: rows,
        channelStride: columns,
        outerCount: 1,
        outerStride: 0,
        innerCount: columns,
        innerStride: 1,
      }
    : {
        channels: columns,
        channelStride: 1,
        outerCount: 1,
        outerStride: 0,
        innerCount: rows,
        innerStride: columns,
      };
}

/** Largest magnitude of an int32 bias: half of the range, which leaves the other half for the products. */
export const BIAS_LIMIT = 2 ** 30;

/** The smallest weight scales for which each bias fits int32 codes of scale inputScale × weightScale. */
export function scalesForBias(bias: Float32Array, inputScale: number): Float32Array {
  return Float32Array.from(bias, (b) => Math.abs(b) / (inputScale * BIAS_LIMIT));
}
