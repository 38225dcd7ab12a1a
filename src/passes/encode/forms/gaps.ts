/** One value, mostly zero, fills a large part: the distances between the other values. */
import { packingsFor, roomiestRadixes } from "../bit-packing.js";
import { emitScatter, emitTable, indicesOf, isSparse, MAX_TABLE, runningSum } from "../chain-parts.js";
import type { Candidate } from "../chain-parts.js";
import { Draft } from "../decoder-builder.js";
import { countEntries, listEntries, longestDistance, type Entries } from "../delta-positions.js";
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
  const forms: Draft[] = [];
  for (const { type, digitsPerWord, radix: most } of roomiestRadixes(2 * (values.length + 1))) {
    const fillerFree = Math.floor(most / values.length) > longestDistance(distances);
    const table = fillerFree ? values : [...values, background];
    const limit = Math.floor(most / table.length);
    const words = Math.ceil(countEntries(distances, limit) / digitsPerWord);
    const draft = new Draft(
      "gaps",
      `${values.length} values among a background, steps below ${limit}, ` +
        `${bitsPerDigit({ type, digitsPerWord, words })} bits per entry`,
    );
    const digits = (): Iterable<ArrayLike<number>> =>
      jointDigits(listEntries(candidate.symbols, limit, words * digitsPerWord), table);
    const entries = emitFlatDigits(draft, {
      radix: limit * table.length,
      packing: { type, digitsPerWord, words },
      digits,
    });
    const codes = draft.int32([table.length]);
    const steps = draft.op("Div", [entries, codes]);
    const updates = draft.op("Gather", [
      emitTable(draft, candidate.tensor, candidate.symbols, table),
      draft.op("Mod", [entries, codes]),
    ]);
    emitScatter(draft, runningSum(draft, steps), updates, candidate);
    forms.push(draft);
  }
  return forms;
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
  const { tensor, symbols } = candidate;
  const forms: Draft[] = [];
  for (const { type, digitsPerWord, radix: limit } of roomiestRadixes(8)) {
    const words = Math.ceil(countEntries(symbols.distances, limit) / digitsPerWord);
    const entries = words * digitsPerWord;
    const packing = { type, digitsPerWord, words };
    const steps = (): Iterable<Uint32Array> =>
      each(listEntries(symbols, limit, entries), (entry) => entry.steps);
    const patterns = (): Iterable<Uint32Array> =>
      each(listEntries(symbols, limit, entries), (entry) => entry.patterns);
    const begin = (what: string): { draft: Draft; steps: string } => {
      const draft = new Draft("gaps", `${what}, steps below ${limit} in ${bitsPerDigit(packing)} bits`);
      return { draft, steps: emitFlatDigits(draft, { radix: limit, packing, digits: steps }) };
    };
    const plain = begin("values beside gaps");
    const values = plain.draft.constant(tensor.dataType, [entries], () =>
      patternBytes(patterns(), entries, symbols.bytesPerElement),
    );
    emitScatter(plain.draft, runningSum(plain.draft, plain.steps), values, candidate);
    forms.push(plain.draft);
    if (!symbols.distinct || symbols.distinct.length > MAX_TABLE) continue;
    const table = symbols.distinct;
    for (const codePacking of packingsFor(table.length, entries, candidate.opset)) {
      if (codePacking.digitsPerWord * codePacking.words !== entries) continue;
      const { draft, steps } = begin(`codes of ${bitsPerDigit(codePacking)} bits beside gaps`);
      const codes = emitFlatDigits(draft, {
        radix: table.length,
        packing: codePacking,
        digits: () => indicesOf(patterns(), table),
      });
      emitScatter(
        draft,
        runningSum(draft, steps),
        draft.op("Gather", [emitTable(draft, tensor, symbols, table), codes]),
        candidate,
      );
      forms.push(draft);
    }
  }
  return forms;
}

function* each<T, U>(items: Iterable<T>, pick: (item: T) => U): Generator<U, void> {
  for (const item of items) yield pick(item);
}
