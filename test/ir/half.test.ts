import { expect, it } from "vitest";
import { bfloatToFloat, floatToHalf, halfToFloat } from "../../src/ir/index.js";

it("rounds to float16 as NumPy does", () => {
  // np.asarray(values).astype(np.float16).view(np.uint16)
  const values = [0.1, 1 / 3, 65504, 65519, 6e-8, 3e-8, 2.98e-8, 1.0009765625, 1.00048828125, -0, -2.5e-5];
  expect(values.map(floatToHalf)).toEqual([
    0x2e66, 0x3555, 0x7bff, 0x7bff, 0x1, 0x1, 0x0, 0x3c01, 0x3c00, 0x8000, 0x81a3,
  ]);
  expect([Infinity, -Infinity, 65520, NaN].map(floatToHalf)).toEqual([0x7c00, 0xfc00, 0x7c00, 0x7e00]);
});

it("restores every float16 bit pattern but the payload of NaN", () => {
  for (let bits = 0; bits < 65_536; bits++) {
    const value = halfToFloat(bits);
    if (!Number.isNaN(value)) expect(floatToHalf(value)).toBe(bits);
  }
});

it("reads bfloat16 as the upper half of a float32", () => {
  expect([0x3f80, 0xc020, 0x7f80].map(bfloatToFloat)).toEqual([1, -2.5, Infinity]);
});
