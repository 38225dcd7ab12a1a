import { describe, expect, it } from "vitest";
import {
  codesAtScales,
  convolutionRows,
  matrixRows,
  quantizeRows,
  scalesForBias,
  symmetricParameters,
  uint8Parameters,
} from "../../src/numeric/affine.js";
import { mulberry32 } from "../../src/numeric/mulberry32.js";

describe("uint8Parameters", () => {
  it("gives zero a code of its own", () => {
    const { scale, zeroPoint } = uint8Parameters(-1, 3);
    expect(scale).toBeCloseTo(4 / 255, 7);
    expect(zeroPoint).toBe(64);
  });

  it("starts at code 0 for a range that is not negative, however far from zero it begins", () => {
    expect(uint8Parameters(2, 6)).toEqual({ scale: Math.fround(6 / 255), zeroPoint: 0 });
  });

  it("survives a range of no width", () => {
    expect(uint8Parameters(0, 0)).toEqual({ scale: 1, zeroPoint: 0 });
  });
});

describe("codesAtScales", () => {
  it("rounds every quotient of floats half up, also the closest to a half", () => {
    const random = mulberry32(11);
    const scales = Float32Array.from({ length: 40 }, () => random() * 2 ** Math.floor(random() * 20 - 15));
    for (const scale of scales) {
      const values = Float32Array.from({ length: 500 }, (_, k) => {
        const near = (Math.floor(random() * 300) - 150 + 0.5) * scale;
        return k % 2 === 0 ? near : near * (1 + (random() < 0.5 ? -1 : 1) * 2 ** -24);
      });
      const order = matrixRows([1, values.length], true);
      const codes = codesAtScales(values, order, Float32Array.of(scale), { guardPairs: false });
      const expected = Array.from(values, (value) =>
        Math.max(-127, Math.min(127, Math.round(value / scale))),
      );
      expect(Array.from(codes)).toEqual(expected.map((code) => code + 0));
    }
  });
});

describe("quantizeRows", () => {
  const row = (values: number[], guardPairs = true) =>
    quantizeRows(Float32Array.from(values), matrixRows([1, values.length], true), { guardPairs });

  it("uses the whole range when no pair of neighbours can saturate", () => {
    const { codes, scales } = row([1.27, -1.27, 0.5, 0]);
    expect([...codes]).toEqual([127, -127, 50, 0]);
    expect(scales[0]).toBeCloseTo(0.01, 7);
  });

  // Weights of a reported saturation: activations 210, 198, 234 times -81, -80, 127 overflow 16 bits in
  // pairs.
  it("keeps 255 times every same-sign pair within int16", () => {
    const { codes } = row([-81, -80, 127, 120]);
    expect(Math.abs(codes[0]! + codes[1]!)).toBeLessThanOrEqual(128);
    expect(Math.abs(codes[2]! + codes[3]!)).toBeLessThanOrEqual(128);
    expect([...row([-81, -80, 127, 120], false).codes]).toEqual([-81, -80, 127, 120]);
  });

  it("takes one scale for all channels on request: the largest", () => {
    const values = Float32Array.of(1.27, 0.5, 0.02, -0.01);
    const { codes, scales } = quantizeRows(values, matrixRows([2, 2], true), {
      guardPairs: false,
      perTensor: true,
    });
    expect([...codes]).toEqual([127, 50, 2, -1]);
    expect(scales[0]).toBeCloseTo(0.01, 7);
    expect(scales[1]).toBe(scales[0]);
  });

  it("trims a pair that rounding lifts over the limit", () => {
    const codes = row([64.4, 63.6, 0, 0]).codes;
    expect(codes[0]! + codes[1]!).toBeLessThanOrEqual(128);
  });

  it("keeps within fewer bits when asked: relaxed SIMD has seven", () => {
    const { codes, scales } = quantizeRows(Float32Array.of(12.6, -12.6, 6.2, 0), matrixRows([1, 4], true), {
      guardPairs: false,
      maxCode: 63,
    });
    expect([...codes]).toEqual([63, -63, 31, 0]);
    expect(scales[0]).toBeCloseTo(0.2, 6);
  });

  it("gives an all-zero channel a harmless scale", () => {
    expect(row([0, 0])).toEqual({ codes: Int8Array.of(0, 0), scales: Float32Array.of(1) });
  });

  it("pairs the channels of a convolution at one kernel position, as the NHWC kernels do", () => {
    // [1, 2, 1, 2]: channel 0 holds 100 at both positions, channel 1 holds 100 and -100.
    const { codes } = quantizeRows(Float32Array.of(100, 100, 100, -100), convolutionRows([1, 2, 1, 2]), {
      guardPairs: true,
    });
    // Position 0 pairs 100 with 100, so 128 is shared; the scale is that of the pair.
    expect([...codes]).toEqual([64, 64, 64, -64]);
  });

  it("refuses weights that are not finite", () => {
    expect(() => row([NaN, 1])).toThrow(RangeError);
  });
});

describe("scalesForBias", () => {
  it("widens the scale until the bias fits half of int32", () => {
    const [scale] = scalesForBias(Float32Array.of(5), 1e-8);
    expect(5 / (1e-8 * scale!)).toBeCloseTo(2 ** 30, -3);
  });
});

it("codes of a range symmetric about zero meet both ends and zero exactly", () => {
  const { scale, zeroPoint } = symmetricParameters(1);
  expect([1, 128, 255].map((code) => Math.fround(scale * (code - zeroPoint)))).toEqual([-1, 0, 1]);
});
