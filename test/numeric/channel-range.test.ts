import { describe, expect, it } from "vitest";
import { ChannelRangeAccumulator } from "../../src/numeric/channel-range.js";

describe("ChannelRangeAccumulator", () => {
  it("takes the range of each channel over tensors of different sizes", () => {
    const range = new ChannelRangeAccumulator();
    range.add(Float32Array.of(1, 2, 10, -10, 3, 4, 20, 20), [2, 2, 2], 1);
    range.add(Float32Array.of(-5, 15), [1, 2, 1], 1);
    expect(range.result()).toEqual({ min: Float64Array.of(-5, -10), max: Float64Array.of(4, 20) });
  });

  it("counts negative axes from the end", () => {
    const range = new ChannelRangeAccumulator();
    range.add(Float64Array.of(1, 2, 3, -4), [2, 2], -1);
    expect(range.result()).toEqual({ min: Float64Array.of(1, -4), max: Float64Array.of(3, 2) });
  });

  it("leaves out infinities, and counts NaN", () => {
    const range = new ChannelRangeAccumulator();
    expect(range.add(Float32Array.of(1, Infinity, NaN, -Infinity), [2, 2], 1)).toBe(1);
    expect(range.result()).toEqual({ min: Float64Array.of(1, Infinity), max: Float64Array.of(1, -Infinity) });
  });

  it("passes over a missing axis, a change of channels and nothing at all", () => {
    const range = new ChannelRangeAccumulator();
    range.add(Float32Array.of(1), [1], 1);
    range.add(new Float32Array(0), [0, 3], 1);
    expect(range.result()).toBeUndefined();
    range.add(Float32Array.of(1, 2), [1, 2], 1);
    range.add(Float32Array.of(7, 8, 9), [1, 3], 1);
    expect(range.result()).toEqual({ min: Float64Array.of(1, 2), max: Float64Array.of(1, 2) });
  });
});
