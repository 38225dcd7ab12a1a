import { describe, expect, it } from "vitest";
import type { Model } from "../../src/ir/index.js";
import { decodeModel, decodeTensor, encodeModelBytes } from "../../src/onnx/index.js";
import { planPasses } from "../../src/plan/plan.js";
import { runPasses } from "../../src/run/run-plan.js";
import { EVALUATOR } from "../support/running.js";
import { type OperatorTest, operatorTests } from "../support/operator-archive.js";
import { outcomeOf, type Outcome } from "./operator-run.js";
import { sampled } from "../support/thorough.js";

/** Without data, as most models are first tried. */
describe.each(sampled([{ int8: "" }, { prune: "0.5", cluster: "16" }] as const, 2))("%o", (flags) => {
  const compress = async (model: Model): Promise<boolean> => {
    const { passes } = await runPasses(model, planPasses(model, { flags }), {
      dataset: undefined,
      evaluator: EVALUATOR,
      logger: {},
      seed: 0,
      threads: 1,
    });
    return passes.some((pass) => pass.modified);
  };

  it.each([
    ["as it is", (test: OperatorTest) => test],
    ["with all inputs but the first as constants", withConstants],
  ])("makes of every operator model, %s, one that loads and runs", async (_, variant) => {
    const outcomes: Outcome[] = [];
    for (const test of sampled(operatorTests(), 7).map(variant))
      outcomes.push(await outcomeOf(test, compress));
    // Results may differ by what the passes lose; a detail is there only when the model no longer loads or
    // runs.
    expect(outcomes.filter(({ detail, verdict }) => verdict === "different" && detail !== undefined)).toEqual(
      [],
    );
  });
});

/** The test with every tensor but the first input in the model, as an exporter writes weights. */
function withConstants(test: OperatorTest): OperatorTest {
  const model = decodeModel(test.model);
  const inputs = test.dataSets[0]?.inputs ?? [];
  const [first, ...others] = model.graph.inputs;
  if (!first || others.some((input) => !input.type?.tensor)) return test;
  others.forEach(({ name }, k) => {
    const bytes = inputs[k + 1];
    if (bytes) model.graph.initializers.push({ ...decodeTensor(bytes), name });
  });
  model.graph.inputs = [first, ...others.slice(Math.max(0, inputs.length - 1))];
  return {
    ...test,
    model: encodeModelBytes(model),
    dataSets: test.dataSets.map((set) => ({ ...set, inputs: set.inputs.slice(0, 1) })),
  };
}
