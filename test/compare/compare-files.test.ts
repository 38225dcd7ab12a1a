import { expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import { blamed } from "../../src/compare/blame.js";
import { EndedFromOutside } from "../../src/runtime/index.js";
import { fixture } from "../support/run-edgec.js";
import { memoryShortage } from "../../src/run/memory.js";

it("does not run a large model when memory would run out, and says how much it needs", () => {
  expect(memoryShortage(3e9, 8e9)).toBe(
    "running it together with the original takes about 9.60 GB of memory, and only 8.00 GB are free",
  );
  expect(memoryShortage(3e9, 10e9)).toBeUndefined();
  expect(memoryShortage(0.9e9, 1e9)).toBeUndefined();
});

it(
  "blames the passes for a crash on a model whose original runs, and nobody for a " +
    "process that was killed",
  async () => {
    const data = {
      calibration: undefined,
      evaluation: undefined,
      source: "no data",
      isLabelled: false,
      isMadeUp: true,
      given: [],
    };
    const run = { referencePath: fixture("models/lenet.onnx"), name: "lenet.onnx", options: {}, data };
    expect(await blamed(new EdgecError("RUNTIME_CRASHED", "crashed"), run)).toMatchObject({
      code: "PASS_FAILED",
    });
    const killed = new EndedFromOutside("killed");
    expect(await blamed(killed, run)).toBe(killed);
  },
);
