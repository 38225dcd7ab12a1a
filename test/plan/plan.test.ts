import { describe, expect, it } from "vitest";
import { planPasses, planText, withoutPass } from "../../src/plan/plan.js";
import { matMulModel } from "../support/mat-mul-model.js";
import type { PlanOptions } from "../../src/plan/plan-request.js";
import { replayed } from "../../src/plan/replayed-plan.js";

const names = (options: PlanOptions): string[] =>
  planPasses(matMulModel(), options).flatMap((step) => step.passes.map((pass) => pass.name));
const optionsOf = (options: PlanOptions, name: string): unknown =>
  planPasses(matMulModel(), options)
    .flatMap((step) => step.passes)
    .find((pass) => pass.name === name)?.options;

describe("planPasses", () => {
  it("runs exact passes alone when nothing lossy is asked for, with encoding last", () => {
    const planned = names({ flags: {} });
    expect(planned).not.toContain("quantize-int8");
    expect(planned).toContain("remove-dead");
    expect(planned.at(-1)).toBe("encode-weights");
  });

  it("puts pruning before int8 and clustering after it", () => {
    const planned = names({ flags: { cluster: "16", int8: "", prune: "0.3" } });
    const order = ["prune-magnitude", "quantize-int8", "cluster-weights"].map((name) =>
      planned.indexOf(name),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
  });

  it("rounds weights before int8 when they have fewer than eight bits", () => {
    const planned = names({ flags: { int8: "" }, shared: { weightBits: 4 } });
    expect(planned.indexOf("round-weights")).toBe(planned.indexOf("quantize-int8") - 1);
    expect(names({ flags: { int8: "" }, shared: { weightBits: 8 } })).not.toContain("round-weights");
    expect(() => names({ flags: {}, shared: { weightBits: 4 } })).toThrow('"weightBits" has no effect here');
  });

  it("stores as int8 what --int8 leaves in float", () => {
    expect(names({ flags: { int8: "" } })).toContain("store-int8");
  });

  it("keeps codebooks whole: no scales per channel beside --cluster", () => {
    expect(names({ flags: { int8: "", cluster: "16" } })).not.toContain("store-int8");
  });

  it("keeps what --int8 leaves in float dense where storage is to be plain", () => {
    expect(names({ flags: { int8: "", storage: "plain" } })).not.toContain("store-int8");
  });

  it("refuses exclusions that no pass takes", () => {
    expect(() => names({ flags: {}, exclude: ["w"] })).toThrow('"exclude" has no effect here');
    expect(names({ flags: {}, storeOnly: true, exclude: ["w"] })).toContain("store-int8");
  });

  it("stores int8 without int8 arithmetic", () => {
    const planned = names({ flags: {}, storeOnly: true });
    expect(planned).toContain("store-int8");
    expect(planned).not.toContain("quantize-int8");
  });

  it("takes an explicit order as it is", () => {
    expect(names({ flags: {}, passes: "encode-weights, remove-dead" })).toEqual([
      "encode-weights",
      "remove-dead",
    ]);
  });

  it("suggests a pass for a mistyped name", () => {
    expect(() => names({ flags: {}, passes: "remove-deed" })).toThrow(
      'there is no pass "remove-deed". Did you mean "remove-dead"?',
    );
  });

  it("refuses a flag whose pass does not run", () => {
    expect(() => names({ flags: { int8: "" }, passes: "remove-dead" })).toThrow(
      '"int8" sets options of the pass "quantize-int8"',
    );
  });

  it("refuses an option that no planned pass takes", () => {
    expect(() => names({ flags: {}, shared: { calibrator: "mse" } })).toThrow(
      '"calibrator" has no effect here: none of the passes that run uses it. It is used by "int8".',
    );
  });

  it("gives a flag's value to its pass", () => {
    expect(optionsOf({ flags: { storage: "plain" } }, "encode-weights")).toMatchObject({ storage: "plain" });
  });

  it("gives shared options and exclusions to the passes that take them", () => {
    expect(
      optionsOf(
        { flags: { int8: "" }, shared: { calibrator: "entropy" }, exclude: ["dense/*"] },
        "quantize-int8",
      ),
    ).toMatchObject({ calibrator: "entropy", exclude: ["dense/*"] });
  });

  it("suggests a node for an exclusion that matches nothing, once a pass asks for it or where none does", () => {
    const plan = planPasses(matMulModel(), { flags: { int8: "" }, exclude: ["dense/MatMull"] });
    const quantizer = plan.flatMap((step) => step.passes).find(({ name }) => name === "quantize-int8");
    for (const ask of [
      () => quantizer?.statistics(matMulModel()),
      () => names({ flags: {}, exclude: ["dense/MatMull"] }),
    ])
      expect(ask).toThrow(
        '"exclude": "dense/MatMull" does not match any node, constant or operator type of the model. ' +
          'Did you mean "dense/MatMul"?',
      );
  });

  it("does not round to scales per row what will have one scale for the tensor", () => {
    for (const weightBits of [4, 8])
      expect(
        names({ flags: { int8: "" }, shared: { weightBits, perChannel: false }, effort: "best" }),
      ).not.toContain("round-weights");
  });

  it("leaves one pass out", () => {
    const plan = planPasses(matMulModel(), { flags: {}, passes: "remove-dead,encode-weights" });
    expect(planText(withoutPass(plan, "remove-dead"))).toBe(" → encode-weights");
  });
});

describe("a plan that repeats decisions", () => {
  const nothing = {
    kept: [],
    takenBack: [],
    floatNodes: [],
    dynamicNodes: [],
    storedOnly: false,
    plainFloat: false,
  };
  const best: PlanOptions = { flags: { int8: "" }, effort: "best" };

  it("runs what was kept unasked, and leaves out what was undone", () => {
    const plan = planPasses(matMulModel(), {
      ...best,
      replay: { ...nothing, kept: ["correct-bias"], takenBack: ["equalize-channels"] },
    });
    const steps = plan.map(({ passes }) => passes.map(({ name }) => name).join());
    expect(steps).toContain("correct-bias");
    expect(steps).not.toContain("equalize-channels");
    expect(
      plan.some(({ validateAfter, search }) => validateAfter !== undefined || search !== undefined),
    ).toBe(false);
    expect(plan.some(({ wasJudged }) => wasJudged)).toBe(true);
  });

  it("leaves nodes in float that did, whether these options search or not", () => {
    const plan = planPasses(matMulModel(), {
      flags: { int8: "" },
      effort: "fast",
      replay: { ...nothing, floatNodes: ["dense/MatMul"] },
    });
    const step = plan.find(({ passes }) => passes.some(({ name }) => name === "quantize-int8"));
    expect([step?.passes.at(-1)?.options.exclude, step?.wasJudged]).toEqual([["dense/MatMul"], true]);
    // Repeated once more, without another decision, it holds out what it did.
    expect(replayed(plan, nothing).find(({ passes }) => passes === step?.passes)?.wasJudged).toBe(true);
  });

  it(
    "takes ranges at run time where that was chosen, and neither rounds nor stores " +
      "weights where they were to stay in float",
    () => {
      const plan = planPasses(matMulModel(), {
        ...best,
        plainFloat: true,
        replay: { ...nothing, dynamicNodes: ["dense/MatMul"], plainFloat: true },
      });
      const passes = plan.flatMap((step) => step.passes);
      expect(passes.find(({ name }) => name === "quantize-int8")?.options.dynamic).toEqual(["dense/MatMul"]);
      expect(passes.map(({ name }) => name)).not.toContain("store-int8");
      expect(
        planPasses(matMulModel(), best).flatMap((step) => step.passes.map(({ name }) => name)),
      ).toContain("store-int8");
    },
  );

  it("holds samples out as the run did, where the report says so", () => {
    const holdsOut = (options: PlanOptions): boolean =>
      planPasses(matMulModel(), options).some(({ wasJudged }) => wasJudged);
    const forms = { ...nothing, floatNodes: ["dense/MatMul"] };
    // Nodes chosen by prediction, for another device, take no samples; and a run may have had too few of
    // them.
    expect(holdsOut({ flags: { int8: "" }, effort: "fast", replay: { ...forms, judged: false } })).toBe(
      false,
    );
    expect(holdsOut({ ...best, replay: { ...nothing, judged: false } })).toBe(false);
    expect(holdsOut({ flags: { int8: "" }, effort: "fast", replay: { ...nothing, judged: true } })).toBe(
      true,
    );
  });

  it("refuses a model without the nodes that were decided on", () => {
    const plan = planPasses(matMulModel(), {
      ...best,
      replay: { ...nothing, floatNodes: ["dense/MatMul", "nope"], dynamicNodes: ["nor"] },
    });
    const quantizer = plan.flatMap((step) => step.passes).find(({ name }) => name === "quantize-int8");
    const message =
      '"replay": the report decides how to compute "nope", "nor", but the model has no such node ' +
      "when int8 is applied. Use the model and the options of the run that wrote the " +
      'report, or leave "replay" out to decide again.';
    expect(() => quantizer?.statistics(matMulModel())).toThrow(
      expect.objectContaining({ code: "BAD_OPTION", message }) as Error,
    );
  });

  it("refuses options that do not try what was kept", () => {
    expect(() =>
      planPasses(matMulModel(), {
        ...best,
        effort: "balanced",
        replay: { ...nothing, kept: ["correct-bias", "equalize-channels"] },
      }),
    ).toThrow(
      '"replay": the run that wrote the report kept "equalize-channels", which these options ' +
        'do not try. Use the options of that run, especially "effort".',
    );
  });
});
