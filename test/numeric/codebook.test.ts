import { describe, expect, it } from "vitest";
import { assignCodes, CodebookFit, type CodedRow } from "../../src/numeric/codebook.js";

const row = (weights: number[], h?: number[], extra: Partial<CodedRow> = {}): CodedRow => ({
  weights: Float64Array.from(weights),
  codes: new Int32Array(weights.length).fill(-1),
  h: h && Float64Array.from(h),
  importance: 1,
  ...extra,
});

describe("assignCodes", () => {
  it("takes the nearest entry when inputs are unrelated", () => {
    const coded = row([0.4, 0.6], [1, 0, 0, 1]);
    assignCodes(coded, Float64Array.of(0, 1));
    expect([...coded.codes]).toEqual([0, 1]);
  });

  it("rounds the second of two related inputs up because the first went down: loss 0.088 instead of 0.608", () => {
    const coded = row([0.4, 0.4], [1, 0.9, 0.9, 1]);
    assignCodes(coded, Float64Array.of(0, 1));
    expect([...coded.codes]).toEqual([0, 1]);
  });

  it("says when there is nothing to improve", () => {
    const coded = row([0.4, 0.4], [1, 0.9, 0.9, 1]);
    const book = Float64Array.of(0, 1);
    expect([assignCodes(coded, book), assignCodes(coded, book)]).toEqual([true, false]);
  });

  it("keeps the sum of partners of one sign within 128", () => {
    const coded = row([80, 60], undefined, { partners: Int32Array.of(1, 0) });
    const book = Float64Array.of(-10, 40, 70);
    assignCodes(coded, book);
    expect([...coded.codes].map((code) => book[code])).toEqual([70, 40]);
  });
});

describe("CodebookFit", () => {
  const fitted = (rows: CodedRow[], book: Float64Array): Float64Array => {
    const fit = new CodebookFit(book.length);
    for (const coded of rows) fit.add(coded);
    return fit.solve(book);
  };

  it("moves entries to the means of their weights when inputs are unrelated", () => {
    const entries = fitted(
      [{ ...row([1, 3, 10], [1, 0, 0, 0, 1, 0, 0, 0, 1]), codes: Int32Array.of(0, 0, 1) }],
      Float64Array.of(0, 9),
    );
    expect(entries[0]).toBeCloseTo(2, 3);
    expect(entries[1]).toBeCloseTo(10, 3);
  });

  it("solves Aᵀ H A c = Aᵀ H w: one entry for w = (1, 3), H = [2 1; 1 4] is 18 / 8", () => {
    expect(
      fitted([{ ...row([1, 3], [2, 1, 1, 4]), codes: Int32Array.of(0, 0) }], Float64Array.of(2))[0],
    ).toBeCloseTo(18 / 8, 3);
  });

  it("leaves an entry that no weight has where it was", () => {
    expect(fitted([{ ...row([1], [1]), codes: Int32Array.of(0) }], Float64Array.of(1, 5))[1]).toBeCloseTo(
      5,
      12,
    );
  });
});
