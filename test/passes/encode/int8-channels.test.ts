import { expect, it } from "vitest";
import { quantizeToInt8 } from "../../../src/passes/encode/int8-channels.js";

it.each([
  [127, [127, -30, 5]],
  [100, [100, -30, 7]],
  [64, [64, 1, -63]],
])("finds weights on their own grid of %i steps again", (_, codes) => {
  const scale = Math.fround(0.013);
  const found = quantizeToInt8(
    Float32Array.from(codes, (code) => code * scale),
    [3],
    [],
  );
  expect(Array.from(found!.codes)).toEqual(codes);
  expect(found!.scales[0]).toBeCloseTo(scale, 8);
});

it("gives equal weights the largest code", () => {
  expect(Array.from(quantizeToInt8(new Float32Array(6).fill(-0.5), [2, 3], [0])!.codes)).toEqual(
    Array(6).fill(-127),
  );
});
