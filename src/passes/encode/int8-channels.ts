/** Float weights as int8 × scale per channel, with the scale of least squared error. Pure arithmetic. */
import { decibels } from "../../numeric/decibels.js";

export interface Int8Channels {
  /** Codes in the tensor's order, from -127 to 127. */
  readonly codes: Int8Array;
  /** One scale per channel, channels in row-major order of the channel axes. */
  readonly scales: Float32Array;
  /** Signal over quantization noise of the whole tensor in dB; Infinity when nothing is lost. */
  readonly sqnr: number;
}

const MAX_CODE = 127;
/** Clipping beyond 60 % of the largest weight never won on the fixtures' channels of 9 to 4,608 weights. */
const CLIP_STEPS = 16;
const CLIP_STEP = 1 / 40;

/**
 * Channels with up to this many values try clipping points on all of them, longer ones on a sample of this
 * size.
 */
const ALL_BELOW = 2048;
const SAMPLE = 1024;
/**
 * Trials of a long channel without a gain before it stops: its error falls and rises once, apart from rounding
 * noise.
 */
const PATIENCE = 4;
/** Values to move at a time: neighbouring channels share cache lines. */
const BLOCK = 2 ** 18;
/**
 * Padding between channels of a block: lengths are mostly powers of two, and would all map to the same cache
 * lines.
 */
const PADDING = 16;

/**
 * Symmetric: zero stays zero. `channelAxes` are the axes along which the scale varies; an empty list gives
 * one scale. An all-zero channel gets scale 1. Returns undefined when a value is not finite.
 */
export function quantizeToInt8(
  values: Float32Array,
  dims: readonly number[],
  channelAxes: readonly number[],
): Int8Channels | undefined {
  const bases = axisOffsets(dims, channelAxes);
  const offsets = axisOffsets(
    dims,
    [...dims.keys()].filter((axis) => !channelAxes.includes(axis)),
  );
  const codes = new Int8Array(values.length);
  const scales = new Float32Array(bases.length);
  const length = offsets.length;
  const isContiguous = bases.every((base, c) => base === c * length);
  const perBlock = isContiguous ? 1 : Math.max(1, Math.min(bases.length, Math.floor(BLOCK / length)));
  const pitch = length + PADDING;
  const block = new Float32Array(isContiguous ? 0 : perBlock * pitch);
  const coded = new Int8Array(block.length);
  const trials = new Trials(length);
  const loss = { signal: 0, noise: 0 };
  for (let first = 0; first < bases.length; first += perBlock) {
    const own = bases.subarray(first, first + perBlock);
    if (!isContiguous) gather(values, block, own, offsets, pitch);
    for (let c = 0; c < own.length; c++) {
      const [begin, source, target] = isContiguous
        ? ([first * length, values, codes] as const)
        : ([c * pitch, block, coded] as const);
      const channel = source.subarray(begin, begin + length);
      const scale = trials.leastErrorScale(channel);
      if (scale === undefined) return undefined;
      scales[first + c] = scale;
      encode(channel, scale, target.subarray(begin, begin + length), loss);
    }
    if (!isContiguous) scatter(coded, codes, own, offsets, pitch);
  }
  return { codes, scales, sqnr: decibels(loss.signal, loss.noise) };
}

/**
 * From the tensor to a block that holds channels one after the other, along whichever of the two lies
 * closer.
 */
function gather(
  tensor: Float32Array,
  block: Float32Array,
  bases: Int32Array,
  offsets: Int32Array,
  pitch: number,
): void {
  const count = bases.length;
  const isRun = (bases[count - 1] ?? 0) - (bases[0] ?? 0) === count - 1;
  if (areApart(offsets)) {
    for (let i = 0; i < offsets.length; i++) {
      const run = bases[0]! + offsets[i]!;
      if (isRun) for (let c = 0, at = i; c < count; c++, at += pitch) block[at] = tensor[run + c]!;
      else for (let c = 0, at = i; c < count; c++, at += pitch) block[at] = tensor[bases[c]! + offsets[i]!]!;
    }
    return;
  }
  for (let c = 0; c < bases.length; c++) {
    const base = bases[c]!;
    for (let i = 0, at = c * pitch; i < offsets.length; i++, at++) block[at] = tensor[base + offsets[i]!]!;
  }
}

/** The inverse of `gather`; apart from it, as one function for both element types takes twice the time. */
function scatter(
  block: Int8Array,
  tensor: Int8Array,
  bases: Int32Array,
  offsets: Int32Array,
  pitch: number,
): void {
  const count = bases.length;
  const isRun = (bases[count - 1] ?? 0) - (bases[0] ?? 0) === count - 1;
  if (areApart(offsets)) {
    for (let i = 0; i < offsets.length; i++) {
      const run = bases[0]! + offsets[i]!;
      if (isRun) for (let c = 0, at = i; c < count; c++, at += pitch) tensor[run + c] = block[at]!;
      else for (let c = 0, at = i; c < count; c++, at += pitch) tensor[bases[c]! + offsets[i]!] = block[at]!;
    }
    return;
  }
  for (let c = 0; c < bases.length; c++) {
    const base = bases[c]!;
    for (let i = 0, at = c * pitch; i < offsets.length; i++, at++) tensor[base + offsets[i]!] = block[at]!;
  }
}

function areApart(offsets: Int32Array): boolean {
  return offsets.length > 1 && offsets[1]! - offsets[0]! > 1;
}

function encode(
  channel: Float32Array,
  scale: number,
  codes: Int8Array,
  loss: { signal: number; noise: number },
): void {
  let signal = 0;
  let noise = 0;
  const inverse = 1 / scale;
  for (let i = 0; i < channel.length; i++) {
    const value = channel[i]!;
    const code = toCode(value * inverse);
    codes[i] = code;
    signal += value * value;
    const error = value - code * scale;
    noise += error * error;
  }
  loss.signal += signal;
  loss.noise += noise;
}

/**
 * Adding and taking away 1.5 · 2^52 leaves the nearest whole number, in a seventh of the time of
 * Math.round.
 */
const ROUNDER = 6_755_399_441_055_744;

function toCode(ratio: number): number {
  const code = ratio + ROUNDER - ROUNDER;
  return code > MAX_CODE ? MAX_CODE : code < -MAX_CODE ? -MAX_CODE : code;
}

/** The search for scales, with room for samples of channels of one length. */
class Trials {
  private readonly tail: Float32Array;
  private readonly rest: Float32Array;

  constructor(length: number) {
    this.tail = new Float32Array(length < ALL_BELOW ? 0 : length);
    this.rest = new Float32Array(length < ALL_BELOW ? 0 : length);
  }

  /**
   * Tries clipping points from the largest magnitude down. For codes q the best scale is Σwq/Σq² and leaves
   * the error Σw² - (Σwq)²/Σq², so each trial is one pass and the winner gets that scale. Long channels are
   * tried on a sample.
   */
  leastErrorScale(channel: Float32Array): number | undefined {
    let largest = 0;
    let sum = 0;
    for (let i = 0; i < channel.length; i++) {
      const magnitude = Math.abs(channel[i]!);
      sum += magnitude;
      if (magnitude > largest) largest = magnitude;
    }
    // A sum of magnitudes keeps NaN and infinities.
    if (!Number.isFinite(sum)) return undefined;
    const finest = Math.fround(largest / MAX_CODE);
    // Subnormal scales lose the precision that codes need.
    if (finest < 2 ** -126) return 1;
    const own = coarserGrid(channel, largest);
    if (own !== undefined) return own;
    const { tail, rest, weight } =
      channel.length < ALL_BELOW
        ? { tail: channel, rest: this.rest, weight: 0 }
        : this.sample(channel, largest * (1 - CLIP_STEPS * CLIP_STEP));
    const patience = weight === 0 ? CLIP_STEPS : PATIENCE;
    let best = 0;
    let bestExplained = -1;
    let scale = finest;
    for (let step = 0; step <= Math.min(CLIP_STEPS, best + patience); step++) {
      const inverse = 1 / (finest * (1 - step * CLIP_STEP));
      const [clipped, rounded] = [products(tail, inverse), products(rest, inverse)];
      const wq = clipped.wq + weight * rounded.wq;
      const qq = clipped.qq + weight * rounded.qq;
      if ((wq * wq) / qq > bestExplained) [bestExplained, best, scale] = [(wq * wq) / qq, step, wq / qq];
    }
    return Math.fround(scale);
  }

  /**
   * All values that some trial clips, whose errors decide, and every so many of the others, whose rounding
   * errors are much alike: each stands for `weight` of them. Costs less than 0.06 dB against trying all, on
   * normal and Laplacian weights in channels of 4,096 and 16,384.
   */
  private sample(
    channel: Float32Array,
    clippedFrom: number,
  ): { tail: Float32Array; rest: Float32Array; weight: number } {
    const { tail, rest } = this;
    const step = Math.floor(channel.length / SAMPLE);
    let inTail = 0;
    let inRest = 0;
    for (let i = 0; i < channel.length; i++) {
      tail[inTail] = channel[i]!;
      inTail += Math.abs(channel[i]!) > clippedFrom ? 1 : 0;
    }
    for (let i = 0; i < channel.length; i += step)
      if (!(Math.abs(channel[i]!) > clippedFrom)) rest[inRest++] = channel[i]!;
    return {
      tail: tail.subarray(0, inTail),
      rest: rest.subarray(0, inRest),
      weight: inRest === 0 ? 0 : (channel.length - inTail) / inRest,
    };
  }
}

/** The fewest steps from zero to the largest weight that count as an 8-bit grid. */
const COARSEST = 64;
/** The precision of a code in float32 is 1.5e-5. */
const ON_GRID = 1e-4;

/**
 * The scale of weights that were already rounded for int8 kernels, if the guard against saturation left their
 * largest code below 127: a finer grid would round them again. Three values rule out most other channels.
 */
function coarserGrid(channel: Float32Array, largest: number): number | undefined {
  // Weights on the finest grid need no other: equal weights lie on every grid.
  if (isOnGrid(channel, MAX_CODE / largest)) return undefined;
  for (let steps = MAX_CODE - 1; steps >= COARSEST; steps--)
    if (isOnGrid(channel, steps / largest)) return Math.fround(largest / steps);
  return undefined;
}

function isOnGrid(channel: Float32Array, inverse: number): boolean {
  for (let i = 0; i < channel.length; i++) {
    const ratio = channel[i]! * inverse;
    if (!(Math.abs(ratio - Math.round(ratio)) < ON_GRID)) return false;
  }
  return true;
}

/** Σwq and Σq² of the codes q = w · inverse. */
function products(values: Float32Array, inverse: number): { wq: number; qq: number } {
  let wq = 0;
  let qq = 0;
  for (let i = 0; i < values.length; i++) {
    const code = toCode(values[i]! * inverse);
    wq += values[i]! * code;
    qq += code * code;
  }
  return { wq, qq };
}

/** Offsets of all index combinations along `axes`, row-major, the other axes at 0. */
function axisOffsets(dims: readonly number[], axes: readonly number[]): Int32Array {
  let offsets = Int32Array.of(0);
  for (const [axis, dim] of dims.entries()) {
    if (!axes.includes(axis)) continue;
    const stride = dims.slice(axis + 1).reduce((product, d) => product * d, 1);
    const wider = new Int32Array(offsets.length * dim);
    for (let i = 0; i < wider.length; i++) wider[i] = offsets[Math.floor(i / dim)]! + (i % dim) * stride;
    offsets = wider;
  }
  return offsets;
}
