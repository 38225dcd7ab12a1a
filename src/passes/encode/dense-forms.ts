/** Forms for tensors without many zeros: one value everywhere, a narrower float, a table of few values. */
import { attribute, DataType, elementCount } from "../../ir/index.js";
import { emitBackground, emitTable, indicesOf } from "./chain-parts.js";
import type { Candidate } from "./chain-parts.js";
import { Draft } from "./decoder-builder.js";
import { BFLOAT16_CAST_OPSET } from "./folding-facts.js";
import type { Symbols } from "./value-histogram.js";
import { bitsPerDigit, emitDigits, emitShape, emitWords } from "./unpack.js";
import type { DigitStream } from "./unpack.js";
import { packingsFor } from "./bit-packing.js";
import type { StorageForm } from "./storage-form.js";

export const uniformForm: StorageForm = {
  name: "uniform",
  description: "one value everywhere: the value and the shape",
  drafts: uniformForms,
};

export const narrowForm: StorageForm = {
  name: "narrow",
  description: "float32 values that a narrower type holds exactly: int8, float16 or bfloat16",
  drafts: narrowForms,
};

export const codebookForm: StorageForm = {
  name: "codebook",
  description: "few distinct values: a table and packed indices",
  drafts: codebookForms,
};

/** All elements equal: ConstantOfShape. */
function uniformForms(candidate: Candidate): Draft[] {
  const { tensor, symbols } = candidate;
  if (symbols.distinct?.length !== 1) return [];
  const draft = new Draft("uniform", "one value");
  emitBackground(draft, tensor.dims, candidate);
  return [draft];
}

/** float32 values that a narrower type holds exactly: narrow constant → Cast(float). */
function narrowForms({ tensor, symbols, opset }: Candidate): Draft[] {
  if (tensor.dataType !== DataType.FLOAT) return [];
  const forms: Draft[] = [];
  const add = (dataType: DataType, form: string, values: () => Uint8Array): void => {
    const draft = new Draft("narrow", form);
    draft.op("Cast", [draft.constant(dataType, tensor.dims, values)], [attribute.int("to", DataType.FLOAT)]);
    forms.push(draft);
  };
  if (symbols.every(isInt8Pattern)) add(DataType.INT8, "int8 values", () => int8Values(symbols));
  else if (symbols.every(isHalfPattern))
    add(DataType.FLOAT16, "float16 values", () => halves(symbols, toHalfBits));
  else if (opset >= BFLOAT16_CAST_OPSET && symbols.every(isBfloat16Pattern)) {
    add(DataType.BFLOAT16, "bfloat16 values", () => halves(symbols, (word) => word >>> 16));
  }
  return forms;
}

const word = new Uint32Array(1);
const asFloat = new Float32Array(word.buffer);

function int8Values({ patterns, count }: Symbols): Uint8Array {
  const values = new Int8Array(count);
  let at = 0;
  for (const piece of patterns()) {
    for (const pattern of piece) {
      word[0] = pattern;
      values[at++] = asFloat[0]!;
    }
  }
  return new Uint8Array(values.buffer);
}

function halves({ patterns, count }: Symbols, half: (pattern: number) => number): Uint8Array {
  const bits = new Uint16Array(count);
  let at = 0;
  for (const piece of patterns()) for (const pattern of piece) bits[at++] = half(pattern);
  return new Uint8Array(bits.buffer);
}

function isInt8Pattern(pattern: number): boolean {
  word[0] = pattern;
  const value = asFloat[0]!;
  return value >= -128 && value <= 127 && Number.isInteger(value) && pattern !== 0x80000000;
}

/** Normal float16 numbers and zeros; subnormals, infinities and NaN are left to the other forms. */
function isHalfPattern(pattern: number): boolean {
  const exponent = ((pattern >>> 23) & 0xff) - 127;
  return pattern << 1 === 0 || ((pattern & 0x1fff) === 0 && exponent >= -14 && exponent <= 15);
}

function toHalfBits(pattern: number): number {
  const sign = (pattern >>> 16) & 0x8000;
  return pattern << 1 === 0
    ? sign
    : sign | ((((pattern >>> 23) & 0xff) - 112) << 10) | ((pattern >>> 13) & 0x3ff);
}

/** A float32 whose low half is empty; NaN is left out, as casts may quieten it. */
function isBfloat16Pattern(pattern: number): boolean {
  return (pattern & 0xffff) === 0 && ((pattern >>> 23) & 0xff) !== 0xff;
}

/** Up to this radix, tables for every word of two digits are small; tensors with the same radix share them. */
const MAX_DIGIT_TABLE = 16;

/** Few distinct values: indices, packed by their radix → Gather from the table. */
function codebookForms(candidate: Candidate): Draft[] {
  const { tensor, symbols, opset } = candidate;
  if (!symbols.distinct || symbols.distinct.length < 2) return [];
  const radix = symbols.distinct.length;
  const digits = (): Iterable<ArrayLike<number>> => indicesOf(symbols.patterns(), symbols.distinct ?? []);
  return packingsFor(radix, symbols.count, opset).flatMap((packing) => {
    const stream = { radix, packing, digits };
    const form = `${radix} values, ${bitsPerDigit(packing)} bits each`;
    const start = (): Draft => new Draft("codebook", form);
    if (packing.digitsPerWord === 1) return [codebookWhole(start(), stream, candidate)];
    const columns = codebookColumns(start(), stream, candidate);
    if (packing.digitsPerWord !== 2 || (tensor.dims[0] ?? 1) % 2 !== 0) return [columns];
    return radix <= MAX_DIGIT_TABLE
      ? [codebookTables(start(), stream, candidate), codebookHalves(start(), stream, candidate), columns]
      : [codebookHalves(start(), stream, candidate), columns];
  });
}

/**
 * The same halves without arithmetic on whole tensors: one table for the low digit of each word and one for the
 * high digit. Each is gathered from the values by words that all tensors share.
 */
function codebookTables(draft: Draft, stream: DigitStream, { tensor, symbols }: Candidate): Draft {
  const [rows = 1, ...rest] = tensor.dims;
  const { radix } = stream;
  const every = Array.from({ length: radix * radix }, (_, word) => word);
  const words = emitWords(draft, stream, [rows / 2, ...rest]);
  const values = emitTable(draft, tensor, symbols, symbols.distinct ?? []);
  const halves = [every.map((code) => code % radix), every.map((code) => Math.floor(code / radix))].map(
    (digits) =>
      draft.op("Gather", [draft.op("Gather", [values, draft.int32(digits, [digits.length])]), words]),
  );
  draft.op("Concat", halves, [attribute.int("axis", 0)]);
  return draft;
}

/** One index per word, in the tensor's own shape: nothing to unpack or to reshape. */
function codebookWhole(draft: Draft, stream: DigitStream, { tensor, symbols }: Candidate): Draft {
  const indices = emitWords(draft, stream, tensor.dims);
  draft.op("Gather", [emitTable(draft, tensor, symbols, symbols.distinct ?? []), indices]);
  return draft;
}

/**
 * Two indices per word: the tensor's first half along axis 0 in the low digits, its second half in the
 * high.
 */
function codebookHalves(draft: Draft, stream: DigitStream, { tensor, symbols }: Candidate): Draft {
  const [rows = 1, ...rest] = tensor.dims;
  const words = emitWords(draft, stream, [rows / 2, ...rest]);
  const radix = draft.int32([stream.radix]);
  const high = draft.op("Div", [words, radix]);
  const low = draft.op("Mod", [words, radix]);
  const indices = draft.op("Concat", [low, high], [attribute.int("axis", 0)]);
  draft.op("Gather", [emitTable(draft, tensor, symbols, symbols.distinct ?? []), indices]);
  return draft;
}

function codebookColumns(draft: Draft, stream: DigitStream, { tensor, symbols }: Candidate): Draft {
  const indices = emitDigits(draft, stream);
  const values = draft.op("Gather", [emitTable(draft, tensor, symbols, symbols.distinct ?? []), indices]);
  emitShape(draft, values, stream.packing, elementCount(tensor), tensor.dims);
  return draft;
}
