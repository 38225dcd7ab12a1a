/**
 * Steps that must prove themselves, and the search for nodes to leave in float, as the runner carries them
 * through.
 */
import type { AccuracyAim } from "../../src/plan/search-aims.js";
import { describe, expect, it } from "vitest";
import type { Diagnostic } from "../../src/diagnostics.js";
import { floatTensor, makeNode, nodeLabel, toNumbers, type Model } from "../../src/ir/index.js";
import type { Pass } from "../../src/passes/contract.js";
import { definePass } from "../../src/passes/define-pass.js";
import { HoldoutScore } from "../../src/run/holdout-score.js";
import type { RunOptions } from "../../src/run/run-options.js";
import { runPasses } from "../../src/run/run-plan.js";
import { dataset, feed, model } from "../support/feed-models.js";
import type { PlannedStep } from "../../src/plan/plan-types.js";

/** y = x · w1 · w2 · w3, each weight 1: what a weight is off by is the noise that it adds, roughly. */
const chain = (): Model =>
  model(
    ["n", 1],
    [1, 2, 3].map((k) =>
      makeNode("MatMul", [k === 1 ? "x" : `h${k - 1}`, `w${k}`], [k === 3 ? "y" : `h${k}`], [], `layer${k}`),
    ),
    [1, 2, 3].map((k) => floatTensor(`w${k}`, [1, 1], Float32Array.of(1))),
  );
const weightsOf = (m: Model): number[] =>
  m.graph.initializers.map((tensor) => Math.round(1000 * toNumbers(tensor)[0]!) / 1000);
const setWeight = (m: Model, index: number, value: number): void => {
  m.graph.initializers[index] = floatTensor(`w${index + 1}`, [1, 1], Float32Array.of(value));
};

const SAMPLES = dataset([feed([1, 1], [1]), feed([1, 1], [2])]);
const OPTIONS: RunOptions = {
  logger: {},
  seed: 0,
  threads: 1,
  dataset: SAMPLES,
  scorer: (reference, process) => new HoldoutScore(reference, SAMPLES, 1, process),
};

/** Multiplies each weight by its factor; "quantizes" all layers but those left out. */
function spoiling(factors: readonly number[], left: readonly string[] = []): Pass {
  const pass = definePass({
    name: "spoil",
    description: "",
    lossy: true,
    defaults: {},
    run: (m: Model) => {
      const nodes = m.graph.nodes.map((node, k) => {
        const isLeft = left.includes(nodeLabel(node));
        if (!isLeft) setWeight(m, k, toNumbers(m.graph.initializers[k]!)[0]! * factors[k]!);
        return {
          name: nodeLabel(node),
          opType: node.opType,
          status: isLeft ? "kept" : "changed",
          reason: isLeft ? "excluded" : "spoiled",
        } as const;
      });
      return { modified: true, stats: {}, nodes, diagnostics: [] };
    },
  })();
  return { ...pass, excluding: (names) => spoiling(factors, [...left, ...names]) };
}

/** Sets the first weight. */
const setting = (name: string, value: number): Pass =>
  definePass({
    name,
    description: "",
    lossy: true,
    defaults: {},
    run: (m: Model) => {
      setWeight(m, 0, value);
      return {
        modified: true,
        stats: { set: 1 },
        nodes: [{ name: "layer1", opType: "MatMul", status: "changed", reason: name }],
        diagnostics: [{ id: `test/${name}`, severity: "warning", message: name }],
      };
    },
  })();

const step = (pass: Pass, more: Partial<PlannedStep> = {}): PlannedStep => ({
  passes: [pass],
  untilStable: false,
  reason: "test",
  ...more,
});
const tried = (pass: Pass): PlannedStep => step(pass, { validateAfter: "spoil" });

describe("a step that must prove itself", () => {
  it("is kept where it brings the outputs nearer, judged behind the pass that it prepares for", async () => {
    const m = chain();
    // Weights at half: 6.02 dB. Doubled beforehand: equal.
    const { passes, nodes, diagnostics } = await runPasses(
      m,
      [tried(setting("double", 2)), step(spoiling([0.5, 1, 1]))],
      OPTIONS,
    );
    expect(weightsOf(m)).toEqual([1, 1, 1]);
    expect(passes.map(({ name, modified, trial }) => ({ name, modified, trial }))).toEqual([
      {
        name: "double",
        modified: true,
        trial: expect.objectContaining({ beforeDb: 6.02, afterDb: 150, kept: true }) as unknown,
      },
      { name: "spoil", modified: true, trial: undefined },
    ]);
    expect(nodes.filter(({ pass }) => pass === "double")).toHaveLength(1);
    expect(diagnostics).toHaveLength(1);
  });

  it("is undone where it does not, and leaves nothing but the record of the trial", async () => {
    const m = chain();
    const { passes, nodes, diagnostics, modified } = await runPasses(
      m,
      [tried(setting("third", 1 / 3)), step(spoiling([1, 1, 0.9]))],
      OPTIONS,
    );
    expect(weightsOf(m)).toEqual([1, 1, 0.9]);
    // A tenth is missing, 20 dB; then 0.7 of it all, 3.10 dB.
    expect(passes[0]).toMatchObject({
      name: "third",
      modified: false,
      stats: {},
      trial: { beforeDb: 20, afterDb: 3.1, kept: false },
    });
    expect([nodes.filter(({ pass }) => pass === "third"), diagnostics, modified]).toEqual([[], [], true]);
  });

  it("is judged as it is when it comes behind the pass", async () => {
    const m = chain();
    const { passes } = await runPasses(
      m,
      [step(spoiling([0.5, 1, 1])), tried(setting("restore", 1))],
      OPTIONS,
    );
    expect(passes[1]?.trial).toMatchObject({ beforeDb: 6.02, afterDb: 150, kept: true });
    expect(weightsOf(m)).toEqual([1, 1, 1]);
  });

  it("that is exact and kept gives later passes a reference with the values that it scaled", async () => {
    const m = chain();
    const exact = (name: string, lossy: boolean, run: (m: Model, seen: Model | undefined) => void): Pass =>
      definePass({
        name,
        description: "",
        lossy,
        defaults: {},
        run: (changed: Model, _, { reference }) => (
          run(changed, reference),
          { modified: true, stats: {}, nodes: [], diagnostics: [] }
        ),
      })();
    const balance = exact("balance", false, (changed) =>
      [2, 0.5].forEach((factor, k) => setWeight(changed, k, factor)),
    );
    const even = exact("spoil", true, (changed) =>
      setWeight(changed, 0, 2 * Math.round(toNumbers(changed.graph.initializers[0]!)[0]! / 2)),
    );
    const references: number[][] = [];
    const looks = exact("looks", true, (_, reference) => references.push(weightsOf(reference!)));
    const { passes } = await runPasses(m, [step(looks), tried(balance), step(even), step(looks)], OPTIONS);
    expect(passes.find(({ name }) => name === "balance")?.trial).toMatchObject({
      beforeDb: 0,
      afterDb: 150,
      kept: true,
    });
    expect(references).toEqual([
      [1, 1, 1],
      [2, 0.5, 1],
    ]);
  });

  it.each([
    ["data", { dataset: undefined }],
    ["samples that nothing was fitted to", { scorer: undefined }],
  ])("is left out without %s", async (_, missing) => {
    const m = chain();
    const { passes } = await runPasses(m, [tried(setting("double", 2)), step(spoiling([0.5, 1, 1]))], {
      ...OPTIONS,
      ...missing,
    });
    expect(passes.map(({ name }) => name)).toEqual(["spoil"]);
    expect(weightsOf(m)).toEqual([0.5, 1, 1]);
  });
});

describe("a step with a search", () => {
  const accuracy: AccuracyAim = { goal: 30, maxShare: 1, seconds: 60 };
  const searching = (factors: readonly number[], aims = accuracy): PlannedStep =>
    step(spoiling(factors), { search: { speed: false, accuracy: aims } });

  it("leaves the guilty node in float and says why", async () => {
    const m = chain();
    const { search, nodes } = await runPasses(m, [searching([0.999, 0.5, 0.999])], OPTIONS);
    expect(weightsOf(m)).toEqual([0.999, 1, 0.999]);
    expect(search?.choice?.floatNodes).toEqual(["layer2"]);
    expect([...(search?.reasons.keys() ?? [])]).toEqual(["layer2"]);
    expect(nodes.find(({ name }) => name === "layer2")).toMatchObject({
      status: "kept",
      reason: expect.stringMatching(/^left in float for accuracy: .* of the output power$/) as string,
    });
  });

  it("holds the floor of 20 dB, and says which layers it took", async () => {
    const floor: AccuracyAim = { goal: "floor", maxShare: 1, seconds: Infinity, measurements: 48 };
    const told: Diagnostic[] = [];
    const logger = { diagnostic: (one: Diagnostic) => void told.push(one) };
    const m = chain();
    // Errors of half and of a thousandth: 6 dB, and 60 dB without the first.
    await runPasses(m, [searching([0.5, 0.999, 1], floor)], { ...OPTIONS, logger });
    expect(weightsOf(m)).toEqual([1, 0.999, 1]);
    expect(told.filter(({ id }) => id === "compress/floor")).toMatchObject([
      {
        message: expect.stringMatching(
          /below the floor.*1 layer \(layer1\) went back to float.*60\.0 dB/,
        ) as string,
      },
    ]);
    // An error of a tenth is at the floor.
    const fine = chain();
    await runPasses(fine, [searching([0.901, 1, 1], floor)], { ...OPTIONS, logger });
    expect(weightsOf(fine)).toEqual([0.901, 1, 1]);
    expect(told.filter(({ id }) => id === "compress/floor")).toHaveLength(1);
  });

  it("counts only what int8 costs for the floor, not what was asked for before it", async () => {
    const floor: AccuracyAim = { goal: "floor", maxShare: 1, seconds: Infinity, measurements: 48 };
    const m = chain();
    // A lossy pass before has taken half; int8 itself costs a thousandth.
    const { search } = await runPasses(
      m,
      [step(setting("prune", 0.5)), searching([1, 0.999, 1], floor)],
      OPTIONS,
    );
    expect([search?.choice?.floatNodes, search?.choice?.reached]).toEqual([[], true]);
  });

  it("leaves none where the outputs are near enough", async () => {
    const m = chain();
    const { search } = await runPasses(m, [searching([0.99, 1, 1])], OPTIONS);
    expect([weightsOf(m), search?.choice?.floatNodes]).toEqual([[0.99, 1, 1], []]);
  });

  it("takes into account what later steps recover", async () => {
    const m = chain();
    const { search, passes } = await runPasses(
      m,
      [searching([0.5, 1, 1]), tried(setting("restore", 1))],
      OPTIONS,
    );
    expect([search?.choice?.floatNodes, search?.choice?.afterDb]).toEqual([[], 150]);
    expect(passes.map(({ name, trial }) => [name, trial?.kept])).toEqual([
      ["spoil", undefined],
      ["restore", true],
    ]);
    expect(weightsOf(m)).toEqual([1, 1, 1]);
  });

  it("lets the gates decide where they are what was asked for", async () => {
    const m = chain();
    let asked = 0;
    const enough = (candidate: Model): Promise<boolean> =>
      Promise.resolve((asked++, weightsOf(candidate).filter((w) => w === 1).length >= 2));
    await runPasses(m, [searching([0.9, 0.8, 0.7], { ...accuracy, goal: "gates" })], {
      ...OPTIONS,
      evaluators: { meetsGates: enough },
    });
    expect(asked).toBeGreaterThan(0);
    expect(weightsOf(m)).toEqual([0.9, 1, 1]);
  });

  it("runs the pass on all nodes without data", async () => {
    const m = chain();
    const { search } = await runPasses(m, [searching([0.5, 1, 1])], { ...OPTIONS, dataset: undefined });
    expect([weightsOf(m), search]).toEqual([[0.5, 1, 1], undefined]);
  });
});
