import { expect, it } from "vitest";
import { floatTensor, toNumbers, type Model } from "../../src/ir/index.js";
import { StepTrials, type Attempt, type Scorer } from "../../src/run/step-trials.js";
import { matMulModel } from "../support/mat-mul-model.js";

const firstWeight = (model: Model): number => toNumbers(model.graph.initializers[0]!)[0]!;
const setWeight = (model: Model, value: number): void => {
  model.graph.initializers[0] = floatTensor("w", [2, 2], Float32Array.of(value, 2, 3, 4));
};

/** Takes a model's first weight for its score. */
class WeightScore implements Scorer {
  readonly seen: number[] = [];
  closed = false;

  score(model: Model): Promise<number> {
    this.seen.push(firstWeight(model));
    return Promise.resolve(firstWeight(model));
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
  expect(await trial.attempt(model, "one", setting(5))).toEqual({ beforeDb: 1, afterDb: 5, kept: true });
  expect(await trial.attempt(model, "two", setting(9))).toEqual({ beforeDb: 5, afterDb: 9, kept: true });
  expect(firstWeight(model)).toBe(9);
  // What the model scored as it was left is not asked for again.
  expect(scorer.seen).toEqual([1, 5, 9]);
});

it("takes back a step that loses, and one that gains next to nothing", async () => {
  const model = matMulModel();
  const trial = new StepTrials(new WeightScore(), {});
  expect(await trial.attempt(model, "worse", setting(0.5))).toEqual({
    beforeDb: 1,
    afterDb: 0.5,
    kept: false,
  });
  expect(await trial.attempt(model, "noise", setting(1.0078125))).toMatchObject({ kept: false });
  expect(firstWeight(model)).toBe(1);
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
  expect(await new StepTrials(scorer, {}).attempt(model, "one", setting(5, finish))).toEqual({
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
