/** Where outputs are compared, against values from closed forms. */
import { describe, expect, it } from "vitest";
import { FidelityMeter, makersOfOutputs, type Maker, type OutputFidelity } from "../../src/fidelity/index.js";
import { parseModel } from "../../src/ir/index.js";
import { floats, y } from "./tiny-values.js";

const softmax = (row: readonly number[]): number[] => {
  const sum = row.reduce((total, score) => total + Math.exp(score), 0);
  return row.map((score) => Math.exp(score) / sum);
};
const sigmoid = (scores: readonly number[]): number[] => scores.map((score) => 1 / (1 + Math.exp(-score)));

function compared(
  maker: Maker | undefined,
  dims: number[],
  before: number[],
  after: number[],
): OutputFidelity {
  const meter = new FidelityMeter(() => false, new Map(maker === undefined ? [] : [["y", maker]]));
  meter.observe(y(floats(before, dims)), y(floats(after, dims)), "sample 0");
  return meter.result().y!;
}

/** 10 log10 of signal over noise, around the mean of the row. */
function aroundMean(before: readonly number[], after: readonly number[]): number {
  const mean = (row: readonly number[]): number => row.reduce((sum, x) => sum + x, 0) / row.length;
  const signal = before.reduce((sum, x) => sum + (x - mean(before)) ** 2, 0);
  const errors = before.map((x, k) => x - mean(before) - (after[k]! - mean(after)));
  return 10 * Math.log10(signal / errors.reduce((sum, x) => sum + x * x, 0));
}

describe("outputs are compared where they decide", () => {
  const [before, after] = [
    [9, 1, -3, 2],
    [8, 1.5, -3, 2.25],
  ];

  it("probabilities as the scores in front of the Softmax", () => {
    const figures = compared("softmax", [1, 4], softmax(before), softmax(after));
    expect(figures.comparedAt).toBe("Softmax");
    expect(figures.sqnrDb).toBeCloseTo(aroundMean(before, after), 3);
    // As they are, the errors hide: the first class has nearly all of the probability in both.
    expect(figures.cosine).toBeGreaterThan(0.99999);
  });

  it("without a graph that says so as well, and with any constant added to the scores", () => {
    const shifted = after.map((score) => score + 5);
    const figures = compared(undefined, [1, 4], softmax(before), softmax(shifted));
    expect(figures.sqnrDb).toBeCloseTo(aroundMean(before, after), 3);
  });

  it("logarithms of probabilities around their mean", () => {
    const logarithms = (row: readonly number[]): number[] => softmax(row).map(Math.log);
    const figures = compared("log-softmax", [1, 4], logarithms(before), logarithms(after));
    expect(figures.comparedAt).toBe("LogSoftmax");
    expect(figures.sqnrDb).toBeCloseTo(aroundMean(before, after), 3);
  });

  it("each row and each pixel by itself, whichever axis holds the classes", () => {
    // [1, 2, 1, 2]: two classes of two pixels.
    const [a, b] = [softmax([4, -4]), softmax([1, 0])];
    const [c, d] = [softmax([3, -3]), softmax([1, 0])];
    const figures = compared(
      "softmax",
      [1, 2, 1, 2],
      [a[0]!, b[0]!, a[1]!, b[1]!],
      [c[0]!, d[0]!, c[1]!, d[1]!],
    );
    // Signals 2 · 4² and 2 · 0.5², errors 2 · 1².
    expect(figures.sqnrDb).toBeCloseTo(10 * Math.log10((32 + 0.5) / 2), 3);
    expect(figures.top1Agreement).toBe(1);
  });

  it("yes and no as the scores in front of the Sigmoid, with their means", () => {
    const figures = compared("sigmoid", [1, 2, 2], sigmoid([5, -8, 1, 3]), sigmoid([5, -7, 1, 3]));
    expect(figures).toMatchObject({ comparedAt: "Sigmoid", top1Agreement: null });
    expect(figures.sqnrDb).toBeCloseTo(10 * Math.log10(25 + 64 + 1 + 9), 3);
  });

  it("probabilities of 0 and 1 by scores that are as far out as float32 can tell", () => {
    expect(compared("sigmoid", [1, 1, 1], [1], [1])).toMatchObject({ sqnrDb: null, nonFinite: 0 });
    expect(Number.isFinite(compared("softmax", [1, 2], [1, 0], [0, 1]).sqnrDb)).toBe(true);
    expect(compared("sigmoid", [1, 1, 2], [0.5, 0.5], [0.5, NaN]).sqnrDb).toBe(-300);
  });

  it("probabilities that rounding took out of their range as 0 and 1, and classes that are ruled out", () => {
    const { sqnrDb } = compared("sigmoid", [1, 1, 2], [0.9, 0.2], [1.01, -0.01]);
    // Scores of 2.197 and -1.386 against the outermost ones, 10 and -15.
    const [a, b] = [Math.log(9), Math.log(0.25)];
    expect(sqnrDb).toBeCloseTo(10 * Math.log10((a * a + b * b) / ((a - 10) ** 2 + (b + 15) ** 2)), 3);
    const ruledOut = compared("log-softmax", [1, 3], [-Infinity, -0.1, -2.35], [-Infinity, -2.35, -0.1]);
    expect(ruledOut).toMatchObject({ top1Agreement: 0 });
    expect(ruledOut.sqnrDb).toBeLessThan(40);
  });

  it("scores of a last layer as they are, also where a row happens to sum to 1", () => {
    expect(compared("scores", [1, 2], [0.3, 0.7], [0.3, 0.7]).comparedAt).toBe("output");
  });

  it("everything else as it is", () => {
    expect(compared("values", [1, 3], [1, 2, 2], [1, 2, 2.3])).toMatchObject({
      comparedAt: "output",
      sqnrDb: expect.closeTo(20, 2) as unknown,
      top1Agreement: null,
    });
    expect(compared("scores", [1, 3], [1, 2, 2], [1, 2, 2.3]).top1Agreement).toBe(0);
  });
});

describe("what made an output", () => {
  it.each<[string, string, Maker | undefined]>([
    ["a Softmax", "%y = Softmax(%x)", "softmax"],
    ["a LogSoftmax", "%y = LogSoftmax(%x)", "log-softmax"],
    ["a Sigmoid", "%y = Sigmoid(%x)", "sigmoid"],
    ["a last layer", "%y = MatMul(%x, %x)", "scores"],
    ["an operator that moves values behind it", "%a = Softmax(%x)\n  %y = Transpose(%a)", "softmax"],
    ["anything else", "%a = Softmax(%x)\n  %y = Mul(%a, %a)", "values"],
  ])("%s", (_, nodes, maker) => {
    const text = `model ir=8 ai.onnx=17\ngraph g {\n  input %x: f32[2,2]\n  ${nodes}\n  output %y: f32[2,2]\n}\n`;
    expect(makersOfOutputs(parseModel(text)).get("y")).toBe(maker);
  });

  it("is not known of an input that is an output", () => {
    const text = "model ir=8 ai.onnx=17\ngraph g {\n  input %x: f32[2]\n  output %x: f32[2]\n}\n";
    expect(makersOfOutputs(parseModel(text)).size).toBe(0);
  });
});
