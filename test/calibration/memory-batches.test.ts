import { describe, expect, it } from "vitest";
import { planRounds } from "../../src/calibration/memory-batches.js";
import type { StatisticRequest } from "../../src/numeric/statistics.js";

const shapes = new Map([
  ["a", [1, 100]],
  ["b", [1, 100]],
  ["c", [1, 50]],
]);
const range = (tensor: string): StatisticRequest => ({ kind: "range", tensor });
const gram = (tensor: string): StatisticRequest => ({ kind: "gram", tensor, layout: { type: "lastAxis" } });

describe("planRounds", () => {
  it("fills rounds up to the limit on activations, in graph order", () => {
    const requests = [range("c"), range("a"), range("b")];
    const { rounds } = planRounds(requests, shapes, { activationBytes: 600, gramBytes: 0 });
    expect(rounds).toEqual([[range("a")], [range("b"), range("c")]]);
    expect(planRounds(requests, shapes, { activationBytes: 1000, gramBytes: 0 }).rounds).toHaveLength(1);
  });

  it("counts a tensor once for all its requests", () => {
    const requests = [range("a"), { ...range("a"), kind: "histogram" } as StatisticRequest];
    expect(planRounds(requests, shapes, { activationBytes: 400, gramBytes: 0 }).rounds).toEqual([requests]);
  });

  it("gives a tensor over the limit a round of its own", () => {
    expect(planRounds([range("a"), range("b")], shapes, { activationBytes: 1, gramBytes: 0 }).rounds).toEqual(
      [[range("a")], [range("b")]],
    );
  });

  it("limits the matrices of a round and leaves out those that alone are too large", () => {
    // 8 bytes x 100² = 80,000 for a and b, 20,000 for c.
    const requests = [gram("a"), gram("b"), gram("c")];
    const fits = planRounds(requests, shapes, { activationBytes: 1e9, gramBytes: 100_000 });
    expect(fits.rounds).toEqual([[gram("a")], [gram("b"), gram("c")]]);
    const { rounds, tooLarge } = planRounds(requests, shapes, { activationBytes: 1e9, gramBytes: 50_000 });
    expect([rounds, tooLarge]).toEqual([
      [[gram("c")]],
      [
        { request: gram("a"), bytes: 80_000 },
        { request: gram("b"), bytes: 80_000 },
      ],
    ]);
  });
});
