import { expect, it } from "vitest";
import { compareTimes, latencyVerdict } from "../../src/verify/index.js";
import { Random } from "../fuzz/random.js";

/** Rounds in which the compressed model takes `factor` of the original's time, each time off by up to `noise` of it. */
function measured(random: Random, factor: number, noise: number, rounds = 60) {
  const time = (): number => 1 + noise * (2 * random.below(1000) / 1000 - 1);
  const samples = (scale: number) => ({ samplesMs: Array.from({ length: rounds }, () => scale * time()) });
  return compareTimes(samples(1), samples(factor), { threads: 1, runtime: "r" });
}

it("tells a difference that is beyond the noise, by the quotient of the medians", () => {
  const random = new Random(1);
  for (let k = 0; k < 50; k++) {
    const latency = measured(random, 1.5, 0.1);
    expect(latencyVerdict(latency)).toEqual({ change: "slower", ratio: latency.original.p50Ms / latency.compressed.p50Ms });
    expect(latencyVerdict(measured(random, 0.5, 0.1)).change).toBe("faster");
  }
});

it("never calls equal models different, however noisy the machine", () => {
  const random = new Random(2);
  const found = new Set<string>();
  for (let k = 0; k < 300; k++) found.add(latencyVerdict(measured(random, 1, random.below(90) / 100)).change);
  expect([...found].sort()).toEqual(["same", "unclear"]);
});

it("takes no side where rounds and medians contradict each other", () => {
  const latency = { ...measured(new Random(3), 1.2, 0), p50Ratio: 1.09 };
  expect(latencyVerdict(latency).change).toBe("unclear");
});
