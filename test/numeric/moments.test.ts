import { describe, expect, it } from "vitest";
import { MomentsAccumulator } from "../../src/numeric/moments.js";
import { finiteRange, RangeAccumulator } from "../../src/numeric/range.js";
import { normalArray } from "../support/seeded.js";

describe("MomentsAccumulator", () => {
  it("takes mean and population variance per channel", () => {
    const moments = new MomentsAccumulator();
    moments.add(Float32Array.of(1, 2, 10, 10, 3, 4, 20, 20), [2, 2, 2], 1);
    moments.add(Float32Array.of(5, 15), [1, 2, 1], 1);
    // np.var([1, 2, 3, 4, 5]) == 2; np.var([10, 10, 20, 20, 15]) == 20
    expect(moments.result()).toEqual({
      mean: Float64Array.of(3, 15),
      variance: Float64Array.of(2, 20),
      count: 5,
    });
  });

  it("counts negative axes from the end", () => {
    const moments = new MomentsAccumulator();
    moments.add(Float32Array.of(1, 2, 3, 4), [2, 2], -1);
    expect(moments.result()).toEqual({
      mean: Float64Array.of(2, 3),
      variance: Float64Array.of(1, 1),
      count: 2,
    });
  });

  it("keeps a small variance beside a large mean", () => {
    const moments = new MomentsAccumulator();
    moments.add(Float64Array.of(1e9, 1e9 + 1, 1e9 + 2), [3, 1], 1);
    expect(moments.result()?.variance[0]).toBeCloseTo(2 / 3, 12);
  });

  it("refuses a missing axis and a change of channels", () => {
    const moments = new MomentsAccumulator();
    expect(moments.add(Float32Array.of(1), [1], 1)).toBe(false);
    expect(moments.add(Float32Array.of(1, 2), [1, 2], 1)).toBe(true);
    expect(moments.add(Float32Array.of(1, 2, 3), [1, 3], 1)).toBe(false);
    expect(moments.result()?.count).toBe(1);
  });
});

describe("RangeAccumulator", () => {
  it("agrees with a plain loop on arrays of every length", () => {
    for (let length = 1; length < 20; length++) {
      const values = normalArray(length, length);
      const range = new RangeAccumulator();
      range.add(values);
      expect(range.result()).toEqual({ min: Math.min(...values), max: Math.max(...values), count: length });
    }
  });

  it("leaves out infinities and reports NaN", () => {
    const range = new RangeAccumulator();
    expect(range.add(Float32Array.of(1, NaN, -Infinity, 5, 2))).toBe(1);
    expect(range.result()).toEqual({ min: 1, max: 5, count: 3 });
    expect(finiteRange(Float32Array.of(Infinity))).toMatchObject({ finite: 0, nans: 0 });
    expect(new RangeAccumulator().result()).toBeUndefined();
  });
});
