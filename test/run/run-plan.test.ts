import { describe, expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import type { Model } from "../../src/ir/index.js";
import type { PassResult } from "../../src/passes/contract.js";
import { definePass } from "../../src/passes/define-pass.js";
import { runPasses } from "../../src/run/run-plan.js";
import { matMulModel } from "../support/mat-mul-model.js";
import type { PlannedStep } from "../../src/plan/plan-types.js";

const QUIET = { logger: {}, seed: 0, threads: 1 };
const NOTHING: PassResult = { modified: false, stats: {}, nodes: [], diagnostics: [] };

function pass(name: string, run: (model: Model) => PassResult) {
  return definePass({ name, description: "", lossy: false, defaults: {}, run })();
}
const once = (...passes: ReturnType<typeof pass>[]): PlannedStep => ({
  passes,
  untilStable: false,
  reason: "test",
});

/** Modifies the model as many times as `rounds` says. */
function busy(rounds: number) {
  let left = rounds;
  return pass("busy", () => (left-- > 0 ? { ...NOTHING, modified: true, stats: { removed: 2 } } : NOTHING));
}

describe("runPasses", () => {
  it("repeats a step until nothing changes and sums its numbers", async () => {
    const { passes, modified } = await runPasses(
      matMulModel(),
      [{ passes: [busy(3)], untilStable: true, reason: "" }],
      QUIET,
    );
    expect(modified).toBe(true);
    expect(passes).toHaveLength(1);
    expect(passes[0]).toMatchObject({ name: "busy", modified: true, stats: { removed: 6 } });
  });

  it("runs a step once otherwise", async () => {
    const { passes } = await runPasses(matMulModel(), [once(busy(3))], QUIET);
    expect(passes[0]?.stats).toEqual({ removed: 2 });
  });

  it("is not modified when no pass changed anything", async () => {
    expect((await runPasses(matMulModel(), [once(busy(0))], QUIET)).modified).toBe(false);
  });

  it("names the pass for every node", async () => {
    const looks = pass("looks", () => ({
      ...NOTHING,
      nodes: [{ name: "n", opType: "MatMul", status: "kept", reason: "small" }],
    }));
    expect((await runPasses(matMulModel(), [once(looks)], QUIET)).nodes).toEqual([
      { name: "n", opType: "MatMul", status: "kept", reason: "small", pass: "looks" },
    ]);
  });

  it("names the pass that broke and those before it", async () => {
    const breaks = pass("breaks", () => {
      throw new TypeError("x is undefined");
    });
    const failure = runPasses(matMulModel(), [once(busy(0)), once(breaks)], QUIET);
    await expect(failure).rejects.toMatchObject({
      code: "PASS_FAILED",
      message: 'pass "breaks" failed: x is undefined. Passes that ran before it: busy.',
    });
  });

  it("keeps an error that the user can mend as it is", async () => {
    const refuses = pass("refuses", () => {
      throw new EdgecError("BAD_OPTION", "ratio must be below 1");
    });
    await expect(runPasses(matMulModel(), [once(refuses)], QUIET)).rejects.toMatchObject({
      code: "BAD_OPTION",
      message: "ratio must be below 1",
    });
  });

  it("with debug, catches the pass that leaves an invalid model and hands over the model before it", async () => {
    const dangles = pass("dangles", (model) => {
      model.graph.nodes[0]!.inputs[1] = "missing";
      return { ...NOTHING, modified: true };
    });
    const failure = runPasses(matMulModel(), [once(dangles)], {
      ...QUIET,
      debug: true,
      dump: (bytes, name) => Promise.resolve(`${name}-${bytes.byteLength > 0}`),
    });
    await expect(failure).rejects.toThrow(
      /pass "dangles" failed: .*missing.* The model before this pass was written to dangles-true\./,
    );
  });
});
