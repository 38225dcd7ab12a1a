/** Half precision (IEEE 754 binary16) and bfloat16 as bit patterns. */

/** The value of binary16 bits. */
export function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of bfloat16 bits: the upper half of a float32. */
export function bfloatToFloat(bits: number): number {
  WORD[0] = bits << 16;
  return FLOAT[0]!;
}

/** Bits of the nearest bfloat16, ties to even. */
export function floatToBfloat(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  FLOAT[0] = value;
  const bits = WORD[0]! >>> 0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) / 65536) & 0xffff;
}

/** Binary16 bits of the value, rounded to nearest, ties to even; Infinity from 65,520 on. */
export function floatToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65_520) return sign | 0x7c00;
  const exponent = magnitude < 2 ** -14 ? -14 : Math.floor(Math.log2(magnitude));
  const step = 2 ** (exponent - 10);
  const units = roundHalfEven(magnitude / step);
  // A subnormal has no hidden bit; rounding up to the next power of two carries into the exponent
  // automatically.
  return sign | (magnitude < 2 ** -14 ? units : ((exponent + 14) << 10) + units);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

const WORD = new Int32Array(1);
const FLOAT = new Float32Array(WORD.buffer);
