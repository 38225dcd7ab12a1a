/** Forms for tensors of which one value, mostly zero, fills a large part: gap coding and bit masks. */
import { attribute, DataType } from "../../ir/index.js";
import { emitScatter, emitTable, indicesOf, MAX_TABLE, runningSum } from "./chain-parts.js";
import type { Candidate } from "./chain-parts.js";
import { Draft } from "./decoder-builder.js";
import { countEntries, listEntries, longestDistance, type Entries } from "./delta-positions.js";
import { skipForms } from "./skip-forms.js";
import { DENSE_FROM, patternBytes, type Patterns, type Symbols } from "./value-histogram.js";
import { bitsPerDigit, emitByteBits, emitFlatDigits, emitTrim } from "./unpack.js";
import { packingsFor, roomiestRadixes, type Packing } from "./bit-packing.js";
import { constantBytes, leastWays, packedBytes, tablePays, unpackingChain, type Way } from "./least-ways.js";
import type { StorageForm } from "./storage-form.js";

export const gapForm: StorageForm = {
  name: "gaps",
  description: "mostly one value, such as zero: the distances between the others, and their values or codes",
  drafts: (candidate) =>
    isSparse(candidate)
      ? [...jointGapForms(candidate), ...separateGapForms(candidate), ...skipForms(candidate)]
      : [],
};

export const maskForm: StorageForm = {
  name: "mask",
  description: "one value among many: a bit for each element, and the others' values or codes",
  drafts: (candidate) => (isSparse(candidate) ? maskForms(candidate) : []),
};

/** Whether something stands out against the background, and does not fill most of the tensor. */
function isSparse({ symbols: { foreground, count } }: Candidate): boolean {
  return foreground > 0 && foreground <= DENSE_FROM * count;
}

function foregroundTable({ symbols }: Candidate): number[] | undefined {
  const table = symbols.distinct?.filter((pattern) => pattern !== symbols.background);
  return table && table.length <= MAX_TABLE ? table : undefined;
}

/**
 * Entries step·C + code in one stream, C being the number of codes: a byte each with 16 codes and steps
 * below 16.
 */
function jointGapForms(candidate: Candidate): Draft[] {
  const values = foregroundTable(candidate);
  if (!values) return [];
  const { background, distances } = candidate.symbols;
  const ways: Way[] = [];
  for (const { type, digitsPerWord, radix: most } of roomiestRadixes(2 * (values.length + 1))) {
    const fillerFree = Math.floor(most / values.length) > longestDistance(distances);
    const table = fillerFree ? values : [...values, background];
    const limit = Math.floor(most / table.length);
    const words = Math.ceil(countEntries(distances, limit) / digitsPerWord);
    const packing = { type, digitsPerWord, words };
    ways.push({
      chain: unpackingChain(packing),
      bytes: packedBytes(packing) + constantBytes(candidate.tensor.dataType, [table.length]),
      draft: () => jointGaps(candidate, { table, limit, packing, values: values.length }),
    });
  }
  return leastWays(candidate, ways);
}

interface JointGaps {
  readonly table: readonly number[];
  /** What steps stay below. */
  readonly limit: number;
  readonly packing: Packing;
  /** How many there are beside the background. */
  readonly values: number;
}

function jointGaps(candidate: Candidate, { table, limit, packing, values }: JointGaps): Draft {
  const draft = new Draft(
    "gaps",
    `${values} values among a background, steps below ${limit}, ${bitsPerDigit(packing)} bits per entry`,
  );
  const length = packing.words * packing.digitsPerWord;
  const digits = (): Iterable<ArrayLike<number>> =>
    jointDigits(listEntries(candidate.symbols, limit, length), table);
  const entries = emitFlatDigits(draft, { radix: limit * table.length, packing, digits });
  const codes = draft.int32([table.length]);
  const steps = draft.op("Div", [entries, codes]);
  const updates = draft.op("Gather", [
    emitTable(draft, candidate.tensor, candidate.symbols, table),
    draft.op("Mod", [entries, codes]),
  ]);
  emitScatter(draft, runningSum(draft, steps), updates, candidate);
  return draft;
}

function* jointDigits(entries: Iterable<Entries>, table: readonly number[]): Generator<Uint32Array, void> {
  for (const { steps, patterns } of entries) {
    for (const codes of indicesOf([patterns], table))
      for (let i = 0; i < codes.length; i++) steps[i] = steps[i]! * table.length + codes[i]!;
    yield steps;
  }
}

/** Steps in a stream of their own beside the values, which stay as they are or become codes. */
function separateGapForms(candidate: Candidate): Draft[] {
  const ways: Way[] = [];
  for (const { type, digitsPerWord, radix: limit } of roomiestRadixes(8)) {
    const words = Math.ceil(countEntries(candidate.symbols.distances, limit) / digitsPerWord);
    ways.push(...separateGaps(candidate, limit, { type, digitsPerWord, words }));
  }
  return leastWays(candidate, ways);
}

function separateGaps(candidate: Candidate, limit: number, packing: Packing): Way[] {
  const { tensor, symbols } = candidate;
  const entries = packing.words * packing.digitsPerWord;
  const list = (): ReturnType<typeof listEntries> => listEntries(symbols, limit, entries);
  const steps = (): Iterable<Uint32Array> => each(list(), (entry) => entry.steps);
  const patterns = (): Iterable<Uint32Array> => each(list(), (entry) => entry.patterns);
  const begin = (what: string): { draft: Draft; steps: string } => {
    const draft = new Draft("gaps", `${what}, steps below ${limit} in ${bitsPerDigit(packing)} bits`);
    return { draft, steps: emitFlatDigits(draft, { radix: limit, packing, digits: steps }) };
  };
  const plain = (): Draft => {
    const { draft, steps: stepped } = begin("values beside gaps");
    const values = draft.constant(tensor.dataType, [entries], () =>
      patternBytes(patterns(), entries, symbols.bytesPerElement),
    );
    emitScatter(draft, runningSum(draft, stepped), values, candidate);
    return draft;
  };
  const chain = unpackingChain(packing);
  const bytes = packedBytes(packing);
  const ways = [{ chain, bytes: bytes + constantBytes(tensor.dataType, [entries]), draft: plain }];
  const table = symbols.distinct;
  if (!table || table.length > MAX_TABLE) return ways;
  const coded = (codePacking: Packing): Draft => {
    const { draft, steps: stepped } = begin(`codes of ${bitsPerDigit(codePacking)} bits beside gaps`);
    const stream = { radix: table.length, packing: codePacking, digits: () => indicesOf(patterns(), table) };
    const codes = emitFlatDigits(draft, stream);
    const values = draft.op("Gather", [emitTable(draft, tensor, symbols, table), codes]);
    emitScatter(draft, runningSum(draft, stepped), values, candidate);
    return draft;
  };
  for (const codePacking of packingsFor(table.length, entries, candidate.opset)) {
    if (codePacking.digitsPerWord * codePacking.words !== entries) continue;
    if (!tablePays(candidate, table, codePacking, entries)) continue;
    ways.push({
      chain: 4 + 4 * chain + unpackingChain(codePacking),
      bytes: bytes + packedBytes(codePacking),
      draft: () => coded(codePacking),
    });
  }
  return ways;
}

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

function* each<T, U>(items: Iterable<T>, pick: (item: T) => U): Generator<U, void> {
  for (const item of items) yield pick(item);
}
