/** Few distinct values: a table, and indices packed by their number. */
import { attribute, elementCount } from "../../../ir/index.js";
import { packingsFor } from "../bit-packing.js";
import { emitTable, indicesOf } from "../chain-parts.js";
import type { Candidate } from "../chain-parts.js";
import { Draft } from "../decoder-builder.js";
import type { StorageForm } from "../storage-form.js";
import { bitsPerDigit, emitDigits, emitShape, emitWords } from "../unpack.js";
import type { DigitStream } from "../unpack.js";

export const codebookForm: StorageForm = {
  name: "codebook",
  description: "few distinct values: a table and packed indices",
  drafts: codebookForms,
};

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
