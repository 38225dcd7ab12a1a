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
  it("measures everything but matrices in one round, in graph order", () => {
    const requests = [range("c"), range("a"), range("b")];
    const { rounds } = planRounds(requests, shapes, { roundBytes: 0, gramBytes: 0 });
    expect(rounds).toEqual([[range("a"), range("b"), range("c")]]);
  });

  it("limits the matrices of a round and leaves out those that alone are too large", () => {
    // 8 bytes x 100² = 80,000 for a and b, 20,000 for c.
    const requests = [gram("a"), gram("b"), gram("c"), range("c")];
    const fits = planRounds(requests, shapes, { roundBytes: 100_000, gramBytes: 100_000 });
    expect(fits.rounds).toEqual([[gram("a")], [gram("b"), gram("c"), range("c")]]);
    const { rounds, tooLarge } = planRounds(requests, shapes, { roundBytes: 1e9, gramBytes: 50_000 });
    expect([rounds, tooLarge]).toEqual([
      [[gram("c"), range("c")]],
      [
        { request: gram("a"), bytes: 80_000 },
        { request: gram("b"), bytes: 80_000 },
      ],
    ]);
  });

  it("opens no round for what takes little memory", () => {
    const requests = [range("a"), gram("a"), range("b"), gram("c"), range("c")];
    const { rounds } = planRounds(requests, shapes, { roundBytes: 1, gramBytes: 1e9 });
    expect(rounds).toEqual([
      [range("a"), gram("a"), range("b")],
      [gram("c"), range("c")],
    ]);
  });

  it("counts few rows, where they may take the place of a matrix, by their own bytes", () => {
    const rows = { ...gram("a"), mayBeRows: true } as StatisticRequest;
    // 4 bytes x 20 rows x 100.
    const limits = { roundBytes: 88_000, gramBytes: 1e9 };
    expect(planRounds([rows, gram("b")], shapes, { ...limits, samples: 20 }).rounds).toHaveLength(1);
    expect(planRounds([rows, gram("b")], shapes, { ...limits, samples: 60 }).rounds).toHaveLength(2);
    expect(planRounds([rows, gram("b")], shapes, limits).rounds).toHaveLength(2);
  });

  it("gives a matrix over the limit of a round a round of its own", () => {
    const { rounds } = planRounds([gram("a"), gram("b")], shapes, { roundBytes: 1, gramBytes: 1e9 });
    expect(rounds).toEqual([[gram("a")], [gram("b")]]);
  });
});
