/**
 * Small integers ("digits" below a radix R) packed k to a word as Σ digit_j · R^j. With R = 16 two share a
 * byte. Radixes that are not powers of two waste no bits by rounding up: five ternary digits fill a byte, six
 * digits of 32 an int32. Digit j of word c is element j·m + c of the stream (m words), so that one
 * broadcasting division by the column [R^0 … R^(k-1)] brings every digit back in order.
 */
import { DataType } from "../../ir/index.js";
import { UINT4_OPSET } from "./folding-facts.js";

export interface Packing {
  readonly type: DataType;
  readonly digitsPerWord: number;
  /**
   * Words that hold the stream; the last digits are padding when digitsPerWord × words exceeds its length.
   */
  readonly words: number;
}

interface Container {
  readonly type: DataType;
  readonly capacity: number;
  readonly minOpset: number;
}

const CONTAINERS: readonly Container[] = [
  { type: DataType.UINT4, capacity: 2 ** 4, minOpset: UINT4_OPSET },
  { type: DataType.UINT8, capacity: 2 ** 8, minOpset: 0 },
  { type: DataType.UINT16, capacity: 2 ** 16, minOpset: 0 },
  // Division is done in int32, whose words need no Cast; the sign bit stays unused.
  { type: DataType.INT32, capacity: 2 ** 31, minOpset: 0 },
];

/**
 * The ways to hold `count` digits below `radix`: for each container, as many per word as fit, and as many as
 * leave no padding.
 */
export function packingsFor(radix: number, count: number, opset: number): Packing[] {
  const found: Packing[] = [];
  for (const { type, capacity, minOpset } of CONTAINERS) {
    if (opset < minOpset || radix > capacity) continue;
    // onnxruntime has no arithmetic on 4-bit types, so they can only serve as indices.
    const most = type === DataType.UINT4 ? 1 : digitsThatFit(radix, capacity);
    for (const digitsPerWord of new Set([most, largestDivisor(count, most)])) {
      found.push({ type, digitsPerWord, words: Math.ceil(count / digitsPerWord) });
    }
  }
  return found;
}

/**
 * Containers and digits per word, each with the largest radix that fits, for callers that choose the radix.
 */
export function roomiestRadixes(atLeast: number): { type: DataType; digitsPerWord: number; radix: number }[] {
  const found = [];
  for (const { type, capacity } of CONTAINERS) {
    if (type === DataType.UINT4) continue;
    for (let k = 1; ; k++) {
      const radix = integerRoot(capacity, k);
      if (radix < atLeast) break;
      found.push({ type, digitsPerWord: k, radix });
    }
  }
  return found;
}

/** Largest k with radix^k ≤ capacity. */
function digitsThatFit(radix: number, capacity: number): number {
  let k = 0;
  for (let power = radix; power <= capacity; power *= radix) k++;
  return k;
}

function largestDivisor(count: number, limit: number): number {
  for (let k = limit; k > 1; k--) if (count % k === 0) return k;
  return 1;
}

/** Largest r with r^k ≤ capacity. */
function integerRoot(capacity: number, k: number): number {
  let root = Math.round(capacity ** (1 / k));
  while (root ** k > capacity) root--;
  return root;
}

/**
 * The words' bytes, from digits that come in pieces in the order of the stream. Missing digits at the end
 * are 0; all must be below `radix`.
 */
export function packWords(digits: Iterable<ArrayLike<number>>, radix: number, packing: Packing): Uint8Array {
  const { words, type } = packing;
  if (type === DataType.UINT4) return packNibbles(digits, words);
  const array =
    type === DataType.UINT8
      ? new Uint8Array(words)
      : type === DataType.UINT16
        ? new Uint16Array(words)
        : new Int32Array(words);
  let word = 0;
  let power = 1;
  for (const piece of digits) {
    for (let i = 0; i < piece.length; i++) {
      array[word]! += piece[i]! * power;
      if (++word < words) continue;
      word = 0;
      power *= radix;
    }
  }
  return new Uint8Array(array.buffer);
}

/** ONNX packs two 4-bit elements to a byte, the first in the low half. */
function packNibbles(digits: Iterable<ArrayLike<number>>, count: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(count / 2));
  let at = 0;
  for (const piece of digits)
    for (let i = 0; i < piece.length; i++, at++) bytes[at >> 1]! |= piece[i]! << (4 * (at & 1));
  return bytes;
}
