import { expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import { blamed } from "../../src/compare/blame.js";
import { EndedFromOutside } from "../../src/runtime/index.js";
import { fixture } from "../support/run-edgec.js";

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
