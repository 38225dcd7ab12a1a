import { describe, expect, it } from "vitest";
import { bootstrapInterval, mean, medianInterval } from "../../src/numeric/bootstrap.js";
import { median } from "../../src/numeric/quantile.js";

describe("intervals by resampling", () => {
  const values = Array.from({ length: 101 }, (_, k) => k);

  it("of the median are the closed form's, whichever way they are found", () => {
    // Ranks of the binomial distribution: 50.5 ± 1.96 √101 / 2, so the 41st and the 61st of 101 values.
    const drawn = bootstrapInterval(values, median)!;
    const [low, high] = medianInterval(values)!;
    expect([low, high]).toEqual([40, 60]);
    expect(Math.abs(drawn[0] - low)).toBeLessThanOrEqual(2);
    expect(Math.abs(drawn[1] - high)).toBeLessThanOrEqual(2);
  });

  it("of the mean are 1.96 standard errors wide on both sides", () => {
    const deviation = Math.sqrt((101 ** 2 - 1) / 12);
    const [low, high] = bootstrapInterval(values, mean)!;
    expect(low).toBeCloseTo(50 - (1.96 * deviation) / Math.sqrt(101), -1);
    expect(high).toBeCloseTo(50 + (1.96 * deviation) / Math.sqrt(101), -1);
  });

  it("are the same each time, and none of fewer than two values", () => {
    expect(bootstrapInterval(values, mean)).toEqual(bootstrapInterval(values, mean));
    expect([bootstrapInterval([1], mean), medianInterval([])]).toEqual([undefined, undefined]);
  });

  it("take infinite values", () => {
    expect(medianInterval([Infinity, Infinity, 3])).toEqual([3, Infinity]);
    expect(median([Infinity, Infinity])).toBe(Infinity);
  });
});
