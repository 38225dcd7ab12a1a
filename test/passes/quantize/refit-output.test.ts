/** The last layer fitted anew, through the runner: what it learns from comes from onnxruntime. */
import { expect, it } from "vitest";
import { floatTensor, makeNode, toNumbers, type Model } from "../../../src/ir/index.js";
import { definePass } from "../../../src/passes/define-pass.js";
import { refitOutput } from "../../../src/passes/quantize/refit-output.js";
import { runPasses } from "../../../src/run/run-plan.js";
import { dataset, feed, model } from "../../support/feed-models.js";
import { normalArray } from "../../support/seeded.js";

/** y = relu(x) · w + b */
const network = (): Model =>
  model(
    ["n", 2],
    [
      makeNode("Relu", ["x"], ["r"]),
      makeNode("MatMul", ["r", "w"], ["m"]),
      makeNode("Add", ["m", "b"], ["y"]),
    ],
    [
      floatTensor("w", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
      floatTensor("b", [3], Float32Array.of(7, 8, 9)),
    ],
  );
const SAMPLES = dataset(Array.from({ length: 32 }, (_, k) => feed([1, 2], normalArray(2, k))));
const valuesOf = (m: Model, name: string): number[] =>
  toNumbers(m.graph.initializers.find((tensor) => tensor.name === name)!).map(
    (value) => Math.round(100 * value) / 100,
  );

/** Halves what comes to the last layer. */
const halving = definePass({
  name: "halving",
  description: "",
  lossy: true,
  defaults: {},
  run: (m: Model) => {
    m.graph.nodes[0] = makeNode("Mul", ["positive", "half"], ["r"]);
    m.graph.nodes.unshift(makeNode("Relu", ["x"], ["positive"]));
    m.graph.initializers.push(floatTensor("half", [], Float32Array.of(0.5)));
    return { modified: true, stats: {}, nodes: [], diagnostics: [] };
  },
});

it("makes up for inputs of half the size with weights of twice the size", async () => {
  const m = network();
  const steps = [halving(), refitOutput({ ridge: 1e-6 })].map((pass) => ({
    passes: [pass],
    untilStable: false,
    reason: "test",
  }));
  const { passes } = await runPasses(m, steps, { logger: {}, seed: 0, threads: 1, dataset: SAMPLES });
  expect(passes.map(({ name, modified }) => [name, modified])).toEqual([
    ["halving", true],
    ["refit-output", true],
  ]);
  expect(valuesOf(m, "w")).toEqual([2, 4, 6, 8, 10, 12]);
  expect(valuesOf(m, "b")).toEqual([7, 8, 9]);
  expect(m.graph.inputs.map(({ name }) => name)).toEqual(["x"]);
});

it("changes nothing without a model to come near to", async () => {
  const m = network();
  const { modified } = await refitOutput().run(m, { statistics: undefined, evaluator: undefined, seed: 0 });
  expect([modified, valuesOf(m, "w")]).toEqual([false, [1, 2, 3, 4, 5, 6]]);
});
