import { afterAll, expect, it } from "vitest";
import { CalibrationProcess } from "../../src/calibration/process.js";
import { runLinearAlgebra } from "../../src/run/run-linear-algebra.js";
import { plainLinearAlgebra, IN_PLACE } from "../../src/passes/compute.js";
import { matrixOf } from "../../src/solver/index.js";

const process = new CalibrationProcess();
afterAll(() => process.close());

it("computes in the child process what plain JavaScript does here", async () => {
  const [there, here] = [runLinearAlgebra(process), plainLinearAlgebra(IN_PLACE)];
  const a = matrixOf(2, 2, Float64Array.of(4, 2, 2, 5));
  const b = matrixOf(1, 2, Float64Array.of(8, 9));
  const [l, own] = [await there.factorize(a), await here.factorize(a)];
  // [2 0; 1 2] by hand.
  expect([...l!.data]).toEqual([2, 0, 1, 2]);
  expect(l).toEqual(own);
  // x of x A = (8, 9): 16 x = (5·8 - 2·9, 4·9 - 2·8).
  const x = await there.solve(l!, b);
  expect(x.data[0]).toBeCloseTo(22 / 16, 12);
  expect(x.data[1]).toBeCloseTo(20 / 16, 12);
  expect(await there.multiply(b, a)).toEqual(await here.multiply(b, a));
  expect(await there.gram(b)).toEqual(await here.gram(b));
});
