/**
 * The common part of chains: from packed words back to int32 digits, and from flat values to the shape.
 */
import { attribute, DataType } from "../../ir/index.js";
import type { Draft } from "./decoder-builder.js";
import { packWords } from "./bit-packing.js";
import type { Packing } from "./bit-packing.js";

export interface DigitStream {
  readonly radix: number;
  readonly packing: Packing;
  /** In pieces; each is valid until the next one is read. */
  readonly digits: () => Iterable<ArrayLike<number>>;
}

/** Words as int32: [words], or `dims` when a word holds one digit. */
export function emitWords(
  draft: Draft,
  stream: DigitStream,
  dims: readonly number[] = [stream.packing.words],
): string {
  const { packing, radix, digits } = stream;
  const words = draft.constant(packing.type, dims, () => packWords(digits(), radix, packing));
  return packing.type === DataType.INT32
    ? words
    : draft.op("Cast", [words], [attribute.int("to", DataType.INT32)]);
}

/**
 * Digits as int32 [digitsPerWord, words], or [words] when a word holds one digit. Row-major order is stream
 * order.
 */
export function emitDigits(draft: Draft, stream: DigitStream): string {
  const { digitsPerWord } = stream.packing;
  const words = emitWords(draft, stream);
  if (digitsPerWord === 1) return words;
  const quotients = draft.op("Div", [words, draft.powers(stream.radix, digitsPerWord)]);
  return draft.op("Mod", [quotients, draft.int32([stream.radix])]);
}

/** As `emitDigits`, flat. */
export function emitFlatDigits(draft: Draft, stream: DigitStream): string {
  const digits = emitDigits(draft, stream);
  return stream.packing.digitsPerWord === 1 ? digits : draft.op("Reshape", [digits, draft.int64([-1])]);
}

/** As `emitFlatDigits` for the bits of bytes, as bytes: a quarter of the memory of int32 while the model loads. */
export function emitByteBits(draft: Draft, stream: DigitStream): string {
  return draft.op("Reshape", [emitByteDigits(draft, stream), draft.int64([-1])]);
}

/** As `emitDigits` for digits that are whole bits of bytes (the radix is a power of two), as bytes. */
export function emitByteDigits(draft: Draft, { packing, radix, digits }: DigitStream): string {
  const { digitsPerWord, words, type } = packing;
  const bytes = draft.constant(type, [words], () => packWords(digits(), radix, packing));
  const places = Array.from({ length: digitsPerWord }, (_, j) => j * Math.log2(radix));
  const shifted = draft.op(
    "BitShift",
    [bytes, draft.uint8(places, [digitsPerWord, 1])],
    [attribute.string("direction", "RIGHT")],
  );
  return draft.op("Mod", [shifted, draft.uint8([radix])]);
}

/** From [k, m] or flat values, perhaps with padding at the end, to `dims`. */
export function emitShape(
  draft: Draft,
  values: string,
  { digitsPerWord, words }: Packing,
  count: number,
  dims: readonly number[],
): string {
  let flat = values;
  if (digitsPerWord * words !== count)
    flat = emitTrim(draft, draft.op("Reshape", [flat, draft.int64([-1])]), count);
  return draft.op("Reshape", [flat, draft.int64(dims)]);
}

/** The first `count` elements of a flat value. */
export function emitTrim(draft: Draft, flat: string, count: number): string {
  return draft.op("Slice", [flat, draft.int64([0]), draft.int64([count])]);
}

/** Names the width that a digit takes, for a form's description. */
export function bitsPerDigit(packing: Packing): string {
  const bits =
    packing.type === DataType.UINT4
      ? 4
      : packing.type === DataType.UINT8
        ? 8
        : packing.type === DataType.UINT16
          ? 16
          : 32;
  return String(Math.round((bits / packing.digitsPerWord) * 10) / 10);
}
