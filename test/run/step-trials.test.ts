import { expect, it } from "vitest";
import type { SampleScores } from "../../src/fidelity/index.js";
import { floatTensor, toNumbers, type Model } from "../../src/ir/index.js";
import { StepTrials, type Attempt, type Scorer } from "../../src/run/step-trials.js";
import { matMulModel } from "../support/mat-mul-model.js";

const firstWeight = (model: Model): number => toNumbers(model.graph.initializers[0]!)[0]!;
const setWeight = (model: Model, value: number): void => {
  model.graph.initializers[0] = floatTensor("w", [2, 2], Float32Array.of(value, 2, 3, 4));
};

const SAMPLES = 20;

/**
 * Takes a model's first weight for its score. Samples differ: a model with another weight than 1 does better by
 * `spread` dB on every second one, and worse on the others.
 */
class WeightScore implements Scorer {
  readonly seen: number[] = [];
  closed = false;

  constructor(private readonly spread = 0) {}

  score(model: Model): Promise<SampleScores> {
    const db = firstWeight(model);
    this.seen.push(db);
    const by = db === 1 ? 0 : this.spread;
    const perSample = Array.from({ length: SAMPLES }, (_, k) => db + (k % 2 === 0 ? by : -by));
    return Promise.resolve({ db, perSample, isAtFloor: true });
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** A step that sets the first weight, or with undefined does nothing. */
const setting = (
  value: number | undefined,
  finish: Attempt["finish"] = () => Promise.resolve(),
): Attempt => ({
  validateAfter: "quantize",
  finish,
  change: (model) => {
    if (value !== undefined) setWeight(model, value);
    return Promise.resolve(value !== undefined);
  },
});

it("keeps a step that gains, and judges the next one against it", async () => {
  const [scorer, model] = [new WeightScore(), matMulModel()];
  const trial = new StepTrials(scorer, {});
  expect(await trial.attempt(model, "one", setting(5))).toMatchObject({
    beforeDb: 1,
    afterDb: 5,
    kept: true,
  });
  expect(await trial.attempt(model, "two", setting(9))).toMatchObject({
    beforeDb: 5,
    afterDb: 9,
    kept: true,
  });
  expect(firstWeight(model)).toBe(9);
  // What the model scored as it was left is not asked for again.
  expect(scorer.seen).toEqual([1, 5, 9]);
});

it("takes back a step that loses", async () => {
  const model = matMulModel();
  expect(await new StepTrials(new WeightScore(), {}).attempt(model, "worse", setting(0.5))).toEqual({
    beforeDb: 1,
    afterDb: 0.5,
    gainRange: [-0.5, -0.5],
    kept: false,
  });
  expect(firstWeight(model)).toBe(1);
});

// The mean of 20 differences of 0.5 ± 3 dB has a standard error of 0.67 dB, that of 0.5 ± 0.5 dB one of 0.11 dB.
it.each([
  [3, false],
  [0.5, true],
])("with samples that differ by ±%d dB, a gain of half a decibel is kept: %s", async (spread, kept) => {
  const model = matMulModel();
  const trial = await new StepTrials(new WeightScore(spread), {}).attempt(model, "half", setting(1.5));
  expect(trial).toMatchObject({ beforeDb: 1, afterDb: 1.5, kept });
  expect(trial.gainRange![0] > 0).toBe(kept);
  expect(firstWeight(model)).toBe(kept ? 1.5 : 1);
});

it("does not judge what changed nothing", async () => {
  const scorer = new WeightScore();
  expect(await new StepTrials(scorer, {}).attempt(matMulModel(), "idle", setting(undefined))).toEqual({
    beforeDb: 1,
    afterDb: 1,
    kept: false,
  });
  expect(scorer.seen).toEqual([1]);
});

it("judges the model as it is finished, on a copy", async () => {
  const [scorer, model] = [new WeightScore(), matMulModel()];
  const finish: Attempt["finish"] = (finished) => {
    setWeight(finished, 10 * firstWeight(finished));
    return Promise.resolve();
  };
  expect(await new StepTrials(scorer, {}).attempt(model, "one", setting(5, finish))).toMatchObject({
    beforeDb: 10,
    afterDb: 50,
    kept: true,
  });
  expect(firstWeight(model)).toBe(5);
});

it.each([
  [["quantize"], [1, 5, 9]],
  [["prune"], [1, 5, 5, 9]],
])("takes the score for known after %s as far as it was judged with that", async (passes, seen) => {
  const [scorer, model] = [new WeightScore(), matMulModel()];
  const trial = new StepTrials(scorer, {});
  await trial.attempt(model, "one", setting(5));
  trial.keepScoreOnlyAfter(passes);
  await trial.attempt(model, "two", setting(9));
  expect(scorer.seen).toEqual(seen);
});

it("closes its scorer", async () => {
  const scorer = new WeightScore();
  await new StepTrials(scorer, {}).close();
  expect(scorer.closed).toBe(true);
});

it("takes back what a step has added to the model", async () => {
  const model = matMulModel();
  const before = Object.keys(model);
  const adds: Attempt = {
    ...setting(undefined),
    change: (changed) => {
      changed.producerName = "added";
      return Promise.resolve(true);
    },
  };
  expect(await new StepTrials(new WeightScore(), {}).attempt(model, "adds", adds)).toMatchObject({
    kept: false,
  });
  expect(Object.keys(model)).toEqual(before);
});
