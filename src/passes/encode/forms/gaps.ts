/** One value, mostly zero, fills a large part: the distances between the other values. */
import { packingsFor, roomiestRadixes, type Packing } from "../bit-packing.js";
import { emitScatter, emitTable, indicesOf, isSparse, MAX_TABLE, runningSum } from "../chain-parts.js";
import type { Candidate } from "../chain-parts.js";
import { Draft } from "../decoder-builder.js";
import { countEntries, listEntries, longestDistance, type Entries } from "../delta-positions.js";
import { constantBytes, leastWays, packedBytes, tablePays, unpackingChain, type Way } from "../least-ways.js";
import { skipForms } from "../skip-forms.js";
import type { StorageForm } from "../storage-form.js";
import { bitsPerDigit, emitFlatDigits } from "../unpack.js";
import { patternBytes } from "../value-histogram.js";

export const gapForm: StorageForm = {
  name: "gaps",
  description: "mostly one value, such as zero: the distances between the others, and their values or codes",
  drafts: (candidate) =>
    isSparse(candidate)
      ? [...jointGapForms(candidate), ...separateGapForms(candidate), ...skipForms(candidate)]
      : [],
};

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

function* each<T, U>(items: Iterable<T>, pick: (item: T) => U): Generator<U, void> {
  for (const item of items) yield pick(item);
}
