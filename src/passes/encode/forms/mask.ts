/** One value, mostly zero, fills a large part: a bit for each element says where the other values are. */
import { attribute, DataType } from "../../../ir/index.js";
import { packingsFor, type Packing } from "../bit-packing.js";
import { emitTable, indicesOf, isSparse, MAX_TABLE, runningSum } from "../chain-parts.js";
import type { Candidate } from "../chain-parts.js";
import { Draft } from "../decoder-builder.js";
import { leastWays, packedBytes, tablePays, unpackingChain, type Way } from "../least-ways.js";
import type { StorageForm } from "../storage-form.js";
import { bitsPerDigit, emitByteBits, emitFlatDigits, emitTrim } from "../unpack.js";
import { patternBytes, type Patterns, type Symbols } from "../value-histogram.js";

export const maskForm: StorageForm = {
  name: "mask",
  description: "one value among many: a bit for each element, and the others' values or codes",
  drafts: (candidate) => (isSparse(candidate) ? maskForms(candidate) : []),
};

/**
 * One bit per element and the foreground in order: its running sum times the bit is the place in a list that
 * begins with the background. Values stay as they are or become codes.
 */
function maskForms(candidate: Candidate): Draft[] {
  const { symbols, tensor, opset } = candidate;
  const list = (): Iterable<Patterns> => foregroundList(symbols);
  const length = symbols.foreground + 1;
  const table = symbols.distinct && symbols.distinct.length <= MAX_TABLE ? symbols.distinct : undefined;
  const ways: Way[] = [];
  for (const packing of packingsFor(2, symbols.count, opset).filter((p) => p.digitsPerWord > 1)) {
    const begin = (what: string): { draft: Draft; rank: string } => {
      const draft = new Draft("mask", `bit mask, ${what}`);
      return { draft, rank: emitRank(draft, packing, candidate) };
    };
    const plain = (): Draft => {
      const { draft, rank } = begin("plain values");
      const values = draft.constant(tensor.dataType, [length], () =>
        patternBytes(list(), length, symbols.bytesPerElement),
      );
      draft.op("Reshape", [draft.op("Gather", [values, rank]), draft.int64(tensor.dims)]);
      return draft;
    };
    const chain = rankChain(packing, symbols.count);
    const bytes = packedBytes(packing);
    ways.push({ chain, bytes, draft: plain });
    if (!table) continue;
    const coded = (codePacking: Packing): Draft => {
      const { draft, rank } = begin(`codes of ${bitsPerDigit(codePacking)} bits`);
      const stream = { radix: table.length, packing: codePacking, digits: () => indicesOf(list(), table) };
      const places = draft.op("Gather", [emitFlatDigits(draft, stream), rank]);
      const values = draft.op("Gather", [emitTable(draft, tensor, symbols, table), places]);
      draft.op("Reshape", [values, draft.int64(tensor.dims)]);
      return draft;
    };
    for (const codePacking of packingsFor(table.length, length, opset))
      if (tablePays(candidate, table, codePacking, length))
        ways.push({
          chain: 6 + 4 * chain + unpackingChain(codePacking),
          bytes: bytes + packedBytes(codePacking),
          draft: () => coded(codePacking),
        });
  }
  return leastWays(candidate, ways);
}

/** Tells the chains of `emitRank` apart, below 6. */
function rankChain({ type, digitsPerWord, words }: Packing, count: number): number {
  const kind = type === DataType.UINT8 ? 0 : type === DataType.INT32 ? 1 : 2;
  return 2 * kind + (digitsPerWord * words === count ? 0 : 1);
}

function emitRank(
  draft: Draft,
  packing: { type: DataType; digitsPerWord: number; words: number },
  { symbols }: Candidate,
): string {
  const stream = { radix: 2, packing, digits: () => maskBits(symbols) };
  let bits = packing.type === DataType.UINT8 ? emitByteBits(draft, stream) : emitFlatDigits(draft, stream);
  if (packing.digitsPerWord * packing.words !== symbols.count) bits = emitTrim(draft, bits, symbols.count);
  if (packing.type === DataType.UINT8) bits = draft.op("Cast", [bits], [attribute.int("to", DataType.INT32)]);
  return draft.op("Mul", [runningSum(draft, bits), bits]);
}

function* maskBits({ patterns, background }: Symbols): Generator<Uint8Array, void> {
  for (const piece of patterns()) {
    const bits = new Uint8Array(piece.length);
    for (let i = 0; i < piece.length; i++) bits[i] = piece[i] === background ? 0 : 1;
    yield bits;
  }
}

/** The background, then all else in order. */
function* foregroundList({ patterns, background }: Symbols): Generator<Patterns, void> {
  yield Uint32Array.of(background);
  for (const piece of patterns()) yield piece.filter((pattern) => pattern !== background);
}
