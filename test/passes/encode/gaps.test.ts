import { describe, expect, it } from "vitest";
import { floatTensor } from "../../../src/ir/index.js";
import { countEntries, listEntries } from "../../../src/passes/encode/gaps.js";
import { readSymbols } from "../../../src/passes/encode/symbols.js";
import { prunedValues } from "./tiny-models.js";

const symbolsOf = (values: readonly number[]) => readSymbols(floatTensor("w", [values.length], Float32Array.from(values)), 4);
const ONE = 0x3f800000;

describe("gap entries", () => {
  it("hold the distance to the previous foreground element, the first from element 0", () => {
    const { steps, patterns } = listEntries(symbolsOf([0, 1, 0, 0, 1, 1, 0]), 16, 3);
    expect([...steps]).toEqual([1, 3, 1]);
    expect([...patterns]).toEqual([ONE, ONE, ONE]);
  });

  it("bridge a distance of the limit or more with fillers that write the background", () => {
    const { steps, patterns } = listEntries(symbolsOf([1, 0, 0, 0, 0, 0, 0, 1]), 4, 4);
    expect([...steps]).toEqual([0, 3, 3, 1]);
    expect([...patterns]).toEqual([ONE, 0, 0, ONE]);
  });

  it("are padded with repetitions of the last one", () => {
    const { steps, patterns } = listEntries(symbolsOf([0, 1, 0]), 16, 3);
    expect([...steps]).toEqual([1, 0, 0]);
    expect([...patterns]).toEqual([ONE, ONE, ONE]);
  });

  it.each([2, 4, 16, 80])("are as many as counted with steps below %i", (limit) => {
    const symbols = symbolsOf([...prunedValues(2000, 0.93, 15)]);
    const counted = countEntries(symbols.distances, limit);
    const { steps } = listEntries(symbols, limit, counted);
    expect(Math.max(...steps)).toBeLessThan(limit);
    const lastOne = symbols.patterns().findLastIndex((pattern) => pattern !== 0);
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
