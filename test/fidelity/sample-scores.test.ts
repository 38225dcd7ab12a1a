import { describe, expect, it } from "vitest";
import { FidelityMeter, gainOf, isGain, type SampleScores } from "../../src/fidelity/index.js";
import { floats, y } from "./tiny-values.js";
import { uniform } from "../support/seeded.js";

const scored = (perSample: readonly number[]): SampleScores => ({
  db: perSample.reduce((sum, db) => sum + db, 0) / perSample.length,
  perSample,
  isAtFloor: true,
});

/** Twenty numbers of the normal distribution, by Box and Muller. */
function normal(next: () => number, mean: number, deviation: number): number[] {
  return Array.from({ length: 20 }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return mean + deviation * radius * Math.cos(2 * Math.PI * next());
  });
}

/** The share of 400 pairs of models with this gain that count as better. */
function shareKept(gain: number, deviation: number): number {
  const next = uniform(3);
  let kept = 0;
  for (let k = 0; k < 400; k++) {
    const before = normal(next, 30, 5);
    const differences = normal(next, gain, deviation);
    if (isGain(gainOf(scored(before), scored(before.map((db, i) => db + differences[i]!))))) kept++;
  }
  return kept / 400;
}

describe("the scores of a model", () => {
  const scoresOf = (...pairs: (readonly [number[], number[]])[]): SampleScores => {
    const meter = new FidelityMeter();
    for (const [before, after] of pairs) meter.observe(y(floats(before)), y(floats(after)), "sample");
    return meter.scores();
  };

  it("are the lowest where values are not finite any more, whatever the others are", () => {
    const broken = scoresOf(
      [
        [1, 2],
        [NaN, NaN],
      ],
      [
        [1, 2],
        [1, 2.1],
      ],
    );
    expect(broken.perSample[0]).toBeCloseTo(-300, 6);
    expect(broken.isAtFloor).toBe(false);
    expect(
      isGain(
        gainOf(
          scoresOf(
            [
              [1, 2],
              [1, 2.2],
            ],
            [
              [1, 2],
              [1, 2.2],
            ],
          ),
          broken,
        ),
      ),
    ).toBe(false);
  });

  it("are finite where an output is zero throughout", () => {
    expect(
      scoresOf([
        [0, 0],
        [1, 1],
      ]).perSample,
    ).toEqual([expect.closeTo(-300, 6)]);
    expect(
      scoresOf([
        [0, 0],
        [0, 0],
      ]).perSample,
    ).toEqual([150]);
  });

  it("leave out an output near zero beside others", () => {
    const meter = new FidelityMeter();
    const speck = floats([1e-5, 0]);
    meter.observe({ a: speck, b: floats([10, 0]) }, { a: floats([0, 0]), b: floats([11, 0]) }, "sample");
    expect(meter.scores().perSample).toEqual([expect.closeTo(20, 6)]);
  });
});

describe("a gain on held-out samples", () => {
  it("is one by chance in about 5 of 100 cases where there is none", () => {
    expect(shareKept(0, 1)).toBeGreaterThan(0.02);
    expect(shareKept(0, 1)).toBeLessThan(0.1);
  });

  it("is found where it is there, however much samples differ from each other", () => {
    // 1 dB against a standard error of 1 / √20.
    expect(shareKept(1, 1)).toBeGreaterThan(0.98);
  });

  it("is none where it is always a loss, next to nothing, or seen on one sample", () => {
    expect(isGain(gainOf(scored([30, 40, 20]), scored([29, 39, 19])))).toBe(false);
    expect(isGain(gainOf(scored([30, 40, 20]), scored([30.01, 40.01, 20.01])))).toBe(false);
    expect(isGain(gainOf(scored([30]), scored([50])))).toBe(false);
  });

  it("has the range that a t-test gives, about", () => {
    const before = Array.from({ length: 20 }, () => 30);
    const differences = normal(uniform(8), 0.5, 1);
    const { db, range } = gainOf(scored(before), scored(before.map((value, k) => value + differences[k]!)));
    const variance = differences.reduce((sum, one) => sum + (one - db) ** 2, 0) / 19;
    // Student's t with 19 degrees of freedom: 1.729 for 90 % on both sides.
    const half = 1.729 * Math.sqrt(variance / 20);
    expect(range![0]).toBeCloseTo(db - half, 0);
    expect(range![1]).toBeCloseTo(db + half, 0);
    expect(Math.abs(range![0] - (db - half))).toBeLessThan(0.1);
    expect(Math.abs(range![1] - (db + half))).toBeLessThan(0.1);
  });
});
