import { describe, expect, it } from "vitest";
import { DataType, floatTensor } from "../../../src/ir/index.js";
import {
  countEntries,
  countSkips,
  listEntries,
  listSkips,
} from "../../../src/passes/encode/delta-positions.js";
import { readSymbols, type Symbols } from "../../../src/passes/encode/value-histogram.js";
import { prunedValues } from "./tiny-models.js";

const symbolsOf = (values: readonly number[]) =>
  readSymbols(floatTensor("w", [values.length], Float32Array.from(values)), 4);
const ONE = 0x3f800000;

/** All pieces together. */
function entriesOf(symbols: Symbols, limit: number, length: number): { steps: number[]; patterns: number[] } {
  const pieces = [...listEntries(symbols, limit, length)].map(({ steps, patterns }) => ({
    steps: [...steps],
    patterns: [...patterns],
  }));
  return {
    steps: pieces.flatMap(({ steps }) => steps),
    patterns: pieces.flatMap(({ patterns }) => patterns),
  };
}

describe("gap entries", () => {
  it("hold the distance to the previous foreground element, the first from element 0", () => {
    const { steps, patterns } = entriesOf(symbolsOf([0, 1, 0, 0, 1, 1, 0]), 16, 3);
    expect([...steps]).toEqual([1, 3, 1]);
    expect([...patterns]).toEqual([ONE, ONE, ONE]);
  });

  it("bridge a distance of the limit or more with fillers that write the background", () => {
    const { steps, patterns } = entriesOf(symbolsOf([1, 0, 0, 0, 0, 0, 0, 1]), 4, 4);
    expect([...steps]).toEqual([0, 3, 3, 1]);
    expect([...patterns]).toEqual([ONE, 0, 0, ONE]);
  });

  it("are padded with repetitions of the last one", () => {
    const { steps, patterns } = entriesOf(symbolsOf([0, 1, 0]), 16, 3);
    expect([...steps]).toEqual([1, 0, 0]);
    expect([...patterns]).toEqual([ONE, ONE, ONE]);
  });

  it.each([2, 4, 16, 80])("are as many as counted with steps below %i", (limit) => {
    const symbols = symbolsOf([...prunedValues(2000, 0.93, 15)]);
    const counted = countEntries(symbols.distances, limit);
    const { steps } = entriesOf(symbols, limit, counted);
    expect(Math.max(...steps)).toBeLessThan(limit);
    const lastOne = [...symbols.patterns()]
      .flatMap((piece) => [...piece])
      .findLastIndex((pattern) => pattern !== 0);
    expect(steps.reduce((sum, step) => sum + step, 0)).toBe(lastOne);
    expect(steps.at(-1)).toBeGreaterThan(0);
  });
});

describe("readSymbols", () => {
  it("keeps -0, 0 and NaN apart", () => {
    expect(symbolsOf([0, -0, NaN, 0]).distinct).toEqual([0, 0x7fc00000, 0x80000000]);
  });

  it("takes the most frequent value for the background", () => {
    expect(symbolsOf([0, 1, 1, 2]).background).toBe(ONE);
  });

  it("stops counting when a table cannot pay", () => {
    const symbols = symbolsOf(Array.from({ length: 5000 }, (_, i) => i));
    expect(symbols.distinct).toBeUndefined();
    expect(symbols.foreground).toBe(4999);
  });
});

describe("long streams, which come in pieces", () => {
  // Bytes, so that 5 million elements are more than one piece of the tensor, and their entries more than
  // one of the list.
  const count = 5_000_000;
  const bytes = new Uint8Array(count);
  for (let i = 7; i < count; i += 1 + ((i * 2654435761) >>> 29)) bytes[i] = 1 + (i % 3);
  const symbols = readSymbols({ name: "w", dims: [count], dataType: DataType.UINT8, raw: bytes }, 1);

  it.each([0, 40])("lead to every value, with %i entries more than needed", (extra) => {
    const length = countEntries(symbols.distances, 4) + extra;
    const decoded = new Uint8Array(count);
    let [at, listed] = [0, 0];
    for (const { steps, patterns } of listEntries(symbols, 4, length)) {
      for (let i = 0; i < steps.length; i++) decoded[(at += steps[i]!)] = patterns[i]!;
      listed += steps.length;
    }
    expect([listed, Buffer.compare(decoded, bytes)]).toEqual([length, 0]);
  });

  it.each([0, 40])("skip to every value, with %i digits more than needed", (extra) => {
    const length = countSkips(symbols, 4) + extra;
    const decoded = new Uint8Array(count);
    let [at, listed] = [-1, 0];
    for (const { digits, values } of listSkips(symbols, 4, length)) {
      let written = 0;
      for (const digit of digits) {
        at += Math.min(digit + 1, 3);
        if (digit < 3) decoded[at] = values[written++]!;
      }
      listed += digits.length;
    }
    expect([listed, Buffer.compare(decoded, bytes)]).toEqual([length, 0]);
  });
});
