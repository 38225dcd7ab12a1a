import { describe, expect, it } from "vitest";
import { RemainingTime } from "../../src/cli/remaining-time.js";
import { uniform } from "../support/seeded.js";

/** What is told after each unit of work that takes so long. */
function told(unitsMs: readonly number[], total = unitsMs.length): (number | undefined)[] {
  const remaining = new RemainingTime();
  let now = 0;
  remaining.note(0, total, now);
  return unitsMs.map((ms, k) => {
    remaining.note(k + 1, total, (now += ms));
    return remaining.left(now);
  });
}

describe("RemainingTime", () => {
  it("tells nothing before five seconds, and then the time at a steady rate", () => {
    const found = told(Array<number>(40).fill(1000));
    expect(found.slice(0, 4)).toEqual([undefined, undefined, undefined, undefined]);
    for (let k = 5; k < 40; k++) expect(found[k]).toBeCloseTo(1000 * (39 - k), 3);
  });

  it("tells nothing of work that is done within five seconds", () => {
    expect(told(Array<number>(100).fill(45)).every((left) => left === undefined)).toBe(true);
  });

  it("follows work that becomes slower, as the rate of the later half does", () => {
    const found = told([...Array<number>(20).fill(1000), ...Array<number>(60).fill(2000)]);
    // All that is left takes two seconds a unit.
    expect(found[60]! / (2000 * 19)).toBeCloseTo(1, 1);
  });

  it("tells nothing while the rate changes by far", () => {
    expect(told([10, 10, 10, 10, 6000, 6000], 20).at(-1)).toBeUndefined();
  });

  it("tells nothing of a unit that takes far longer than those before", () => {
    const remaining = new RemainingTime();
    for (let k = 0; k <= 10; k++) remaining.note(k, 20, 1000 * k);
    expect(remaining.left(12_000)).toBeCloseTo(8000, 3);
    expect(remaining.left(15_000)).toBeUndefined();
  });

  it("begins anew when the count does", () => {
    const remaining = new RemainingTime();
    for (let k = 0; k <= 10; k++) remaining.note(k, 20, 1000 * k);
    remaining.note(0, 20, 11_000);
    expect(remaining.left(11_000)).toBeUndefined();
    for (let k = 1; k <= 10; k++) remaining.note(k, 20, 11_000 + 1000 * k);
    expect(remaining.left(21_000)).toBeCloseTo(10_000, 3);
  });

  it("never jumps: units of random length around a mean move the end by less than half of what is left", () => {
    const next = uniform(5);
    for (let run = 0; run < 30; run++) {
      const units = Array.from({ length: 200 }, () => 200 + 1600 * next());
      const found = told(units);
      let last: number | undefined;
      for (const [k, left] of found.entries()) {
        if (left !== undefined && last !== undefined && k < 180) {
          const expected = last - units[k]!;
          expect(Math.abs(left - expected)).toBeLessThan(0.5 * expected);
        }
        last = left;
      }
      const truth = units.slice(101).reduce((sum, ms) => sum + ms, 0);
      expect(Math.abs(found[100]! / truth - 1)).toBeLessThan(0.3);
    }
  });

  it("keeps few points of many units, and the same estimate", () => {
    const found = told(Array<number>(20_000).fill(1));
    expect(found[9_999]).toBeCloseTo(10_000, -2);
  });
});
