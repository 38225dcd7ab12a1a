import { afterAll, afterEach, describe, expect, it } from "vitest";
import { CalibrationProcess } from "../../src/calibration/process.js";
import { floatTensor, makeNode, tensorValue, DataType, type Model } from "../../src/ir/index.js";
import { HoldoutScore } from "../../src/run/holdout-score.js";
import { dataset, feed, model } from "../support/feed-models.js";

const PROCESS = new CalibrationProcess();
afterAll(() => PROCESS.close());

/** y = factor · x, and z = other · x. */
function scaled(factor: number, other = 1): Model {
  const m = model(
    ["n", 2],
    [makeNode("Mul", ["x", "a"], ["z"]), makeNode("Mul", ["x", "b"], ["y"])],
    [floatTensor("a", [], Float32Array.of(other)), floatTensor("b", [], Float32Array.of(factor))],
  );
  m.graph.outputs = [tensorValue("y", DataType.FLOAT), tensorValue("z", DataType.FLOAT)];
  return m;
}

/** The number of values above zero, in order. */
const positive = (threshold: number): Model =>
  model(
    ["n"],
    [makeNode("Greater", ["x", "t"], ["m"]), makeNode("Compress", ["x", "m"], ["y"])],
    [floatTensor("t", [], Float32Array.of(threshold))],
  );

const opened: HoldoutScore[] = [];
afterEach(async () => {
  for (const score of opened.splice(0)) await score.close();
});
function scoreAgainst(reference: Model, samples: number[][]): HoldoutScore {
  const score = new HoldoutScore(
    reference,
    dataset(
      samples.map((values) =>
        feed(
          reference.graph.inputs[0]!.type!.tensor!.shape!.length === 1 ? [values.length] : [1, values.length],
          values,
        ),
      ),
    ),
    1,
    PROCESS,
  );
  opened.push(score);
  return score;
}

/** Errors of a tenth and of a hundredth: noise of (0.01 + 0.0001) / 2. */
const MIXED = -10 * Math.log10(0.00505);

describe("a score", () => {
  it("reads inputs again that are too many to be kept", async () => {
    const feeds = [feed([1, 2], [1, 2]), feed([1, 2], [-3, 4]), feed([1, 2], [5, 6])];
    let reads = 0;
    const source = dataset(feeds);
    const counted = {
      ...source,
      async *samples() {
        for await (const sample of source.samples()) {
          reads++;
          yield sample;
        }
      },
    };
    // Of the three inputs of 8 bytes one is kept.
    const score = new HoldoutScore(scaled(1), counted, 1, PROCESS, 2 ** 28, 10);
    opened.push(score);
    expect((await score.score(scaled(0.9, 0.99))).db).toBeCloseTo(MIXED, 3);
    expect((await score.score(scaled(0.9, 0.9))).db).toBeCloseTo(20, 3);
    expect(reads).toBe(9);
    // The first one alone needs no reading.
    await score.score(scaled(0.9), 1);
    expect(reads).toBe(9);
  });

  it("is the signal over the error in dB of each sample, each output by its own scale", async () => {
    const score = scoreAgainst(scaled(1), [
      [1, 2],
      [-3, 4],
    ]);
    const { db, perSample } = await score.score(scaled(0.9, 0.99));
    expect([db, ...perSample]).toEqual([MIXED, MIXED, MIXED].map((one) => expect.closeTo(one, 3) as unknown));
    expect((await score.score(scaled(0.9, 0.9))).db).toBeCloseTo(20, 3);
    // Of outputs a million times as large the errors weigh no more.
    const large = scoreAgainst(scaled(1e6), [[1, 2]]);
    expect((await large.score(scaled(0.9e6, 0.99))).db).toBeCloseTo(MIXED, 3);
  });

  it("has a bound where outputs are equal", async () => {
    const score = scoreAgainst(scaled(1), [[1, 2]]);
    expect((await score.score(scaled(1))).db).toBe(150);
    expect((await score.score(scaled(1, 0.9))).db).toBeCloseTo(20 + 10 * Math.log10(2), 3);
  });

  it("is 0 dB for each sample whose results differ in number", async () => {
    const score = scoreAgainst(positive(0), [
      [1, 2],
      [1, 3],
      [2, -1],
      [3, 4],
    ]);
    expect((await score.score(positive(1.5))).perSample).toEqual([0, 0, 150, 150]);
  });

  it("goes by as many samples as it may keep, two at least", async () => {
    const samples = dataset(
      [
        [1, 2],
        [1, 3],
        [1, 4],
      ].map((values) => feed([2], values)),
    );
    // Each sample is 8 bytes and gives two values, 8 more: the third is beyond 40 bytes.
    for (const [bytes, count] of [
      [48, 3],
      [40, 2],
      [1, 2],
    ] as const) {
      const score = new HoldoutScore(positive(0), samples, 1, PROCESS, bytes);
      opened.push(score);
      expect((await score.score(positive(1.5))).perSample).toHaveLength(count);
    }
  });

  it("may go by the first samples alone", async () => {
    const score = scoreAgainst(positive(0), [
      [2, 3],
      [1, 2],
    ]);
    expect([
      (await score.score(positive(1.5), 1)).perSample,
      (await score.score(positive(1.5))).perSample,
    ]).toEqual([[150], [150, 0]]);
  });
});

it("says so when the runtime refuses the model, and scores the next one", async () => {
  const score = scoreAgainst(scaled(1), [[1, 2]]);
  const broken = scaled(1);
  broken.graph.nodes[0]!.opType = "NoSuchOperator";
  await expect(score.score(broken)).rejects.toMatchObject({ name: "EdgecError" });
  expect((await score.score(scaled(1))).db).toBe(150);
});

it("can be closed before it was used, and twice", async () => {
  const score = new HoldoutScore(scaled(1), dataset([]), 1, PROCESS);
  await score.close();
  await score.close();
});
