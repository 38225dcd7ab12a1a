import { expect, test } from "vitest";
import { DataType, type TensorValue } from "../../src/ir/index.js";
import { FidelityMeter, lowestAgreement, lowestSqnr, type OutputFidelity } from "../../src/fidelity/index.js";
import { floats, int64s, strings, y } from "./tiny-values.js";

function compare(...pairs: readonly (readonly [TensorValue, TensorValue])[]): OutputFidelity {
  const meter = new FidelityMeter();
  for (const [original, compressed] of pairs)
    meter.observe(y(original), y(compressed), "small.onnx: sample 0");
  return meter.result().y!;
}

test("SQNR is 10 log10 of signal over noise: an error of a tenth is 20 dB", () => {
  const { sqnrDb, maxAbsError, cosine } = compare([floats([10, 0]), floats([11, 0])]);
  expect(sqnrDb).toBeCloseTo(20, 12);
  expect(maxAbsError).toBe(1);
  expect(cosine).toBe(1);
});

// Signals of 100 each, errors of 1, 2, 3, 4 and 5: 20 dB down to 20 - 20 log10 5.
const FIVE = [1, 2, 3, 4, 5].map((error) => [floats([10]), floats([10 + error])] as const);

test("SQNR is the median over the samples, which one of them cannot rule", () => {
  expect(compare(...FIVE).sqnrDb).toBeCloseTo(20 - 20 * Math.log10(3), 12);
  const [first, second] = FIVE;
  expect(compare(first!, second!).sqnrDb).toBeCloseTo(20 - 10 * Math.log10(2), 12);
});

test("pooled, it runs over all samples together: 500 of signal, 55 of noise", () => {
  expect(compare(...FIVE).pooledSqnrDb).toBeCloseTo(10 * Math.log10(500 / 55), 12);
});

test("the worst sample has its number, and its share of the noise: 25 of 1 + 4 + 9 + 16 + 25", () => {
  expect(compare(...FIVE).worst).toEqual({
    sample: 4,
    sqnrDb: expect.closeTo(20 - 20 * Math.log10(5), 12) as unknown,
    noiseShare: 25 / 55,
  });
});

test("the range of a median of five samples is all of them, and one sample has none", () => {
  // Ranks by the binomial distribution: 2.5 ± 1.96 √5 / 2.
  expect(compare(...FIVE).sqnrRange).toEqual([
    expect.closeTo(20 - 20 * Math.log10(5), 12),
    expect.closeTo(20, 12),
  ]);
  expect(compare(FIVE[0]!).sqnrRange).toBeNull();
});

test("a silent sample is compared with a thousandth of the mean signal", () => {
  // (100 + 0) / 2 / 1000 = 0.05 against an error of 0.01: 10 log10 (0.05 / 0.0001).
  const silent = [floats([0]), floats([0.01])] as const;
  expect(compare([floats([10]), floats([10])], silent).worst).toMatchObject({
    sample: 1,
    sqnrDb: expect.closeTo(10 * Math.log10(500), 4) as unknown,
  });
});

test("equal outputs have no finite SQNR: null, so that JSON can hold it", () => {
  expect(compare([floats([1, -2]), floats([1, -2])])).toEqual({
    sqnrDb: null,
    sqnrRange: null,
    worst: null,
    comparedAt: "output",
    pooledSqnrDb: null,
    cosine: 1,
    maxAbsError: 0,
    nearZero: false,
    top1Agreement: null,
    agreement: null,
    nonFinite: 0,
    otherSize: 0,
  });
});

test("the cosine of orthogonal outputs is 0, and of opposite ones -1", () => {
  expect(compare([floats([1, 0]), floats([0, 1])]).cosine).toBe(0);
  expect(compare([floats([1, 2]), floats([-1, -2])]).cosine).toBeCloseTo(-1, 12);
});

test("noise without a signal is the worst SQNR, not minus infinity", () => {
  expect(compare([floats([0]), floats([1])])).toMatchObject({ sqnrDb: -300, cosine: 0 });
});

test("NaN in the compressed model only is a broken model", () => {
  expect(compare([floats([1, 2]), floats([1, NaN])])).toMatchObject({
    sqnrDb: -300,
    cosine: 0,
    maxAbsError: Number.MAX_VALUE,
    nonFinite: 1,
  });
});

test("NaN and infinities in both models are not a difference", () => {
  expect(compare([floats([NaN, -Infinity, 1]), floats([NaN, -Infinity, 1])])).toMatchObject({
    sqnrDb: null,
    nonFinite: 0,
  });
  expect(compare([floats([Infinity]), floats([-Infinity])]).nonFinite).toBe(1);
});

test("class scores [N, C]: the fraction of rows with the same top class", () => {
  expect(compare([floats([1, 2, 4, 3], [2, 2]), floats([1, 2, 3, 4], [2, 2])]).top1Agreement).toBe(0.5);
});

test("a row that became NaN does not agree", () => {
  expect(compare([floats([1, 2], [1, 2]), floats([NaN, NaN], [1, 2])]).top1Agreement).toBe(0);
});

test("more axes are class scores only when the last one is a probability distribution", () => {
  const probabilities = floats([0.25, 0.75, 1, 0], [1, 2, 2]);
  expect(compare([probabilities, floats([0.75, 0.25, 1, 0], [1, 2, 2])]).top1Agreement).toBe(0.5);
  const features = floats([3, 4, 1, -1], [1, 2, 2]);
  expect(compare([features, features]).top1Agreement).toBeNull();
});

test("integers, booleans and strings are right or wrong: they give a fraction of equal ones, and no decibels", () => {
  const discrete = { sqnrDb: null, cosine: null, top1Agreement: null, nearZero: false };
  const bools = (...data: number[]): TensorValue => ({
    dataType: DataType.BOOL,
    dims: [data.length],
    data: Uint8Array.from(data),
  });
  expect(compare([int64s(1, 2, 3, 4), int64s(1, 2, 3, 9)])).toMatchObject({
    ...discrete,
    agreement: 0.75,
    maxAbsError: 5,
  });
  expect(compare([strings("a", "b"), strings("a", "c")])).toMatchObject({
    ...discrete,
    agreement: 0.5,
    maxAbsError: 1,
  });
  expect(compare([bools(1, 0, 1, 1), bools(1, 1, 1, 1)])).toMatchObject({
    ...discrete,
    agreement: 0.75,
    maxAbsError: 1,
  });
  expect(compare([int64s(7), int64s(7)])).toMatchObject({ ...discrete, agreement: 1, maxAbsError: 0 });
});

test("64-bit integers that are equal as doubles still count as different", () => {
  const large = (value: bigint): TensorValue => ({
    dataType: DataType.INT64,
    dims: [1],
    data: BigInt64Array.of(value),
  });
  expect(compare([large(2n ** 53n), large(2n ** 53n + 1n)]).agreement).toBe(0);
});

test("empty values are equal whatever their shapes", () => {
  const none = (...dims: number[]): TensorValue => floats([], dims);
  expect(compare([none(0), none(0, 1, 16)], [none(0, 2), none(0, 0)])).toMatchObject({
    sqnrDb: null,
    otherSize: 0,
  });
  expect(() => compare([none(0), floats([1], [1, 1])])).toThrow(
    "is float [1, 1], but the original gives float [0]",
  );
});

test("half precision is compared by value", () => {
  const half = (bits: number): TensorValue => ({
    dataType: DataType.FLOAT16,
    dims: [1],
    data: Uint16Array.of(bits),
  });
  expect(compare([half(0x3c00), half(0x4000)]).maxAbsError).toBe(1);
});

test("a different shape is an error that names sample, output and both shapes", () => {
  expect(() => compare([floats([1, 2]), floats([1])])).toThrow(
    'small.onnx: sample 0: output "y" is float [1], but the original gives float [2]',
  );
  expect(() => compare([floats([1]), int64s(1)])).toThrow("is int64 [1], but the original gives float [1]");
});

test("the lowest of several outputs counts", () => {
  const outputs = {
    a: compare([floats([10]), floats([11])]),
    b: compare([int64s(1, 2), int64s(1, 3)]),
    c: compare([floats([1]), floats([1])]),
  };
  expect(lowestSqnr({ c: outputs.c })).toBe(Infinity);
  // Integers have an agreement, and are no part of what is said in decibels.
  expect(lowestSqnr(outputs)).toBeCloseTo(20, 12);
  expect(lowestSqnr({ b: outputs.b })).toBeUndefined();
  expect(lowestAgreement(outputs)).toBe(0.5);
  expect(lowestAgreement({ a: outputs.a })).toBeUndefined();
});

test("a different number of results is counted if the size depends on the data, and refused otherwise", () => {
  const meter = new FidelityMeter((_, axis) => axis === 0);
  meter.observe(y(floats([1, 2])), y(floats([1, 2, 3])), "small.onnx: sample 0");
  meter.observe(y(floats([1, 2])), y(floats([1, 2])), "small.onnx: sample 1");
  const outputs = meter.result();
  expect(outputs.y).toMatchObject({ sqnrDb: null, otherSize: 1 });
  expect(lowestSqnr(outputs)).toBeUndefined();
  expect(() => compare([floats([1, 2]), floats([1, 2, 3])])).toThrow(
    /float \[3\], but the original gives float \[2\]/,
  );
});

test("a signal near zero is marked as such, unless the error is larger", () => {
  const speck = floats([1e-5, 2e-5, 0]);
  expect(compare([speck, floats([0, 0, 0])])).toMatchObject({
    nearZero: true,
    sqnrDb: 0,
    maxAbsError: expect.closeTo(2e-5, 9) as unknown,
  });
  expect(compare([speck, floats([0.01, 0, 0])]).nearZero).toBe(false);
  expect(compare([speck, floats([NaN, 0, 0])]).nearZero).toBe(false);
  expect(compare([floats([1e-3, 2e-3, 0]), floats([1e-3, 1.9e-3, 0])]).nearZero).toBe(false);
  expect(compare([floats([0, 0]), floats([0, 0])]).nearZero).toBe(false);
});
