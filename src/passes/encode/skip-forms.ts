/**
 * Gap coding in which long gaps cost no value: digits of a small radix, the largest of which only skips. At 80 %
 * zeros, nine steps in 3.2 bits take 5 % of the tensor less than four-bit gaps with a value for every filler.
 * The chain is longer, which pays once several constants share it.
 */
import { emitScatter, emitTable, indicesOf, MAX_TABLE, runningSum } from "./chain-parts.js";
import type { Candidate } from "./chain-parts.js";
import { Draft } from "./decoder-builder.js";
import { countSkips, countSplittable, listSkips, type Skips } from "./delta-positions.js";
import { patternBytes } from "./value-histogram.js";
import { bitsPerDigit, emitFlatDigits } from "./unpack.js";
import { packingsFor, roomiestRadixes } from "./bit-packing.js";
import { constantBytes, leastWays, packedBytes, tablePays, unpackingChain, type Way } from "./least-ways.js";
import type { Packing } from "./bit-packing.js";

/** Radixes beyond this hardly ever skip, so that the simpler gap forms win. */
const MAX_RADIX = 80;

export function skipForms(candidate: Candidate): Draft[] {
  const { symbols } = candidate;
  const ways: Way[] = [];
  for (const { type, digitsPerWord, radix } of roomiestRadixes(4)) {
    if (radix > MAX_RADIX) continue;
    const needed = countSkips(symbols, radix);
    const packing = { type, digitsPerWord, words: Math.ceil(needed / digitsPerWord) };
    const padding = digitsPerWord * packing.words - needed;
    if (padding > countSplittable(symbols, radix)) continue;
    ways.push(...waysWith(candidate, radix, packing, symbols.foreground + padding));
  }
  return leastWays(candidate, ways);
}

function waysWith(candidate: Candidate, radix: number, packing: Packing, writes: number): Way[] {
  const { tensor, symbols, opset } = candidate;
  const list = (): ReturnType<typeof listSkips> =>
    listSkips(symbols, radix, packing.digitsPerWord * packing.words);
  const begin = (what: string): Walk => {
    const draft = new Draft("gaps", `${what}, skips below ${radix} in ${bitsPerDigit(packing)} bits`);
    return {
      draft,
      ...emitWalk(draft, emitFlatDigits(draft, { radix, packing, digits: () => digitsOf(list()) }), radix),
    };
  };
  const plain = (): Draft => {
    const { draft, positions, ranks } = begin("plain values");
    const values = draft.constant(tensor.dataType, [writes + 1], () =>
      patternBytes(valuesOf(list(), symbols.background), writes + 1, symbols.bytesPerElement),
    );
    return scattered(draft, positions, draft.op("Gather", [values, ranks]), candidate);
  };
  const chain = unpackingChain(packing);
  const bytes = packedBytes(packing);
  const ways = [{ chain, bytes: bytes + constantBytes(tensor.dataType, [writes + 1]), draft: plain }];
  const table = symbols.distinct;
  if (!table || table.length > MAX_TABLE) return ways;
  const coded = (codePacking: Packing): Draft => {
    const { draft, positions, ranks } = begin(`codes of ${bitsPerDigit(codePacking)} bits`);
    const codes = emitFlatDigits(draft, {
      radix: table.length,
      packing: codePacking,
      digits: () => indicesOf(valuesOf(list(), symbols.background), table),
    });
    const values = emitTable(draft, tensor, symbols, table);
    const updates = draft.op("Gather", [values, draft.op("Gather", [codes, ranks])]);
    return scattered(draft, positions, updates, candidate);
  };
  for (const codePacking of packingsFor(table.length, writes + 1, opset))
    if (tablePays(candidate, table, codePacking, writes + 1))
      ways.push({
        chain: 4 + 4 * chain + unpackingChain(codePacking),
        bytes: bytes + packedBytes(codePacking),
        draft: () => coded(codePacking),
      });
  return ways;
}

interface Walk {
  readonly draft: Draft;
  readonly positions: string;
  readonly ranks: string;
}

function scattered(draft: Draft, positions: string, updates: string, candidate: Candidate): Draft {
  emitScatter(draft, positions, updates, candidate);
  return draft;
}

function* digitsOf(skips: Iterable<Skips>): Generator<Uint32Array, void> {
  for (const { digits } of skips) yield digits;
}

/** Digits that only move on read the list's first place. */
function* valuesOf(skips: Iterable<Skips>, background: number): Generator<Uint32Array, void> {
  yield Uint32Array.of(background);
  for (const { values } of skips) yield values;
}

/** Where each digit leads, and the place of its value: 0 for one that only moves on, else counted from 1. */
function emitWalk(draft: Draft, digits: string, radix: number): { positions: string; ranks: string } {
  const one = draft.int32([1]);
  const writes = draft.op("Sub", [one, draft.op("Div", [digits, draft.int32([radix - 1])])]);
  const ends = runningSum(draft, draft.op("Add", [digits, writes]));
  return {
    positions: draft.op("Sub", [ends, one]),
    ranks: draft.op("Mul", [runningSum(draft, writes), writes]),
  };
}
