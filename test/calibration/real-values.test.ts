import { expect, it } from "vitest";
import { realValues } from "../../src/calibration/reducer.js";
import { DataType } from "../../src/ir/index.js";

it("widens half precision and passes other floats unchanged", () => {
  const floats = Float32Array.of(1);
  expect(realValues({ dataType: DataType.FLOAT, dims: [1], data: floats })).toBe(floats);
  expect(realValues({ dataType: DataType.FLOAT16, dims: [2], data: Uint16Array.of(0x3c00, 0xc000) })).toEqual(
    Float32Array.of(1, -2),
  );
  expect(realValues({ dataType: DataType.BFLOAT16, dims: [1], data: Uint16Array.of(0xc020) })).toEqual(
    Float32Array.of(-2.5),
  );
  expect(realValues({ dataType: DataType.UINT16, dims: [1], data: Uint16Array.of(1) })).toBeUndefined();
  expect(realValues({ dataType: DataType.INT64, dims: [1], data: BigInt64Array.of(1n) })).toBeUndefined();
});
