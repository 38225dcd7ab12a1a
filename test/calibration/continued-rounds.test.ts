/** Rounds start where the round before them ended: each sample goes through each node once. */
import { existsSync, rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { calibrate } from "../../src/calibration/calibrate.js";
import { planRoundParts } from "../../src/calibration/segments.js";
import { floatTensor, makeNode, type Node } from "../../src/ir/index.js";
import type { GramRequest, StatisticRequest } from "../../src/numeric/statistics.js";
import { countingRuntime, inThisProcess } from "../support/counting-runtime.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { Random } from "../support/random.js";
import { normalArray } from "../support/seeded.js";

const WIDTH = 6;
const gram = (tensor: string): GramRequest => ({ kind: "gram", tensor, layout: { type: "lastAxis" } });
const range = (tensor: string): StatisticRequest => ({ kind: "range", tensor });

/** Sums and products of what lies before, also far before and of the input. */
function randomNodes(random: Random, count: number): Node[] {
  const names = ["x", "c"];
  return Array.from({ length: count }, (_, k) => {
    const earlier = (): string => names[Math.max(0, names.length - 1 - random.below(5))]!;
    const inputs = random.below(3) === 0 ? [earlier()] : [earlier(), random.below(8) === 0 ? "x" : earlier()];
    names.push(`t${k}`);
    const type = inputs.length === 1 ? "Tanh" : random.below(2) === 0 ? "Add" : "Mul";
    return makeNode(type, inputs, [`t${k}`]);
  });
}

const half = floatTensor("c", [WIDTH], new Float32Array(WIDTH).fill(0.5));
const SAMPLES = 4;
const data = Array.from({ length: SAMPLES }, (_, k) => feed([3, WIDTH], normalArray(3 * WIDTH, k)));
/** Of one matrix: every matrix makes a round. */
const ONE = { roundBytes: 8 * WIDTH ** 2 };

describe("rounds of calibration", () => {
  it("run each node once for a sample, whatever is measured in them, and give the same", async () => {
    const random = new Random(5);
    for (let trial = 0; trial < 6; trial++) {
      const nodes = randomNodes(random, 4 + random.below(16));
      const made = nodes.map(({ outputs }) => outputs[0]!);
      const requests = ["x", "c", ...made]
        .filter(() => random.below(2) === 0)
        .flatMap((tensor) => (random.below(4) === 0 ? [range(tensor)] : [gram(tensor), range(tensor)]));
      const options = { model: model(["n", WIDTH], nodes, [half]), dataset: dataset(data), requests };
      const { runtime, runs } = await countingRuntime();
      const process = inThisProcess(runtime);
      const whole = await calibrate({ ...options, process });
      runs.clear();
      const parts = { ...ONE, ...(trial % 2 === 0 ? {} : { activationBytes: 4 * 3 * WIDTH * 2 }) };
      const rounds = await calibrate({ ...options, ...parts, process });
      expect(requests.map((request) => rounds.get(request))).toEqual(
        requests.map((request) => whole.get(request)),
      );
      const fed = new Set(["x"]);
      for (const { inputs, outputs } of nodes) if (inputs.some((name) => fed.has(name))) fed.add(outputs[0]!);
      // The first sample also runs to find sizes. What depends on no input is folded at load.
      for (const name of made)
        if (fed.has(name)) expect(runs.get(name) ?? 0, name).toBeLessThanOrEqual(SAMPLES + 1);
    }
  });

  const chain = ["a", "b", "d"].map((name, k, all) =>
    makeNode("Tanh", [k === 0 ? "x" : all[k - 1]!], [name]),
  );
  const measured = { model: model(["n", WIDTH], chain), requests: ["x", "a", "b", "d"].map(gram) };

  it("read the data for the first round alone", async () => {
    let reads = 0;
    const source = dataset(data);
    const counted = {
      ...source,
      async *samples() {
        for await (const sample of source.samples()) {
          reads++;
          yield sample;
        }
      },
    };
    const { runtime } = await countingRuntime();
    await calibrate({ ...measured, ...ONE, dataset: counted, process: inThisProcess(runtime) });
    expect(reads).toBe(SAMPLES + 1);
  });

  it("start from the inputs where the values between them take too much space or cannot be written", async () => {
    const { runtime, runs } = await countingRuntime();
    const whole = await calibrate({ ...measured, dataset: dataset(data), process: inThisProcess(runtime) });
    runs.clear();
    const small = { ...ONE, boundaryBytes: 4 * 3 * WIDTH * (SAMPLES - 1) };
    const limited = await calibrate({
      ...measured,
      ...small,
      dataset: dataset(data),
      process: inThisProcess(runtime),
    });
    expect(measured.requests.map((request) => limited.get(request))).toEqual(
      measured.requests.map((request) => whole.get(request)),
    );
    expect(runs.get("a")).toBe(1 + 3 * SAMPLES);
    const refused = inThisProcess(runtime, (method, [round]) => {
      if (method === "openRound") delete (round as { save?: unknown }).save;
    });
    const again = await calibrate({ ...measured, ...ONE, dataset: dataset(data), process: refused });
    expect(measured.requests.map((request) => again.get(request))).toEqual(
      measured.requests.map((request) => whole.get(request)),
    );
  });

  it("hold the values of two boundaries at most, and leave none behind", async () => {
    const paths: string[] = [];
    let most = 0;
    const { runtime } = await countingRuntime();
    const process = inThisProcess(runtime, (method, [round]) => {
      const { save } = (round ?? {}) as { save?: { path: string } };
      if (method === "openRound" && save) paths.push(save.path);
      most = Math.max(most, paths.filter((path) => existsSync(path)).length);
    });
    await calibrate({ ...measured, ...ONE, dataset: dataset(data), process });
    expect(paths).toHaveLength(3);
    expect(most).toBe(2);
    expect(paths.some((path) => existsSync(path))).toBe(false);
    for (const path of paths) rmSync(path, { force: true });
  });
});

describe("planRoundParts", () => {
  it("hands over what later rounds read or measure, and nothing else", () => {
    const nodes = [
      makeNode("Tanh", ["x"], ["a"]),
      makeNode("Add", ["a", "x"], ["b"]),
      makeNode("Tanh", ["b"], ["d"]),
      makeNode("Add", ["d", "a"], ["e"]),
    ];
    const { graph } = model(["n", WIDTH], nodes);
    const bytes = new Map(["a", "b", "d", "e"].map((name) => [name, 1]));
    const rounds = [["a"], ["b"], ["d", "a"], ["e"]].map((names) => new Set(names));
    expect(planRoundParts(graph, bytes, 100, rounds)).toEqual([
      { segments: [{ computed: ["a"], keep: ["a"] }], boundary: ["x", "a"] },
      { segments: [{ computed: ["b"], keep: ["a", "b"] }], boundary: ["a", "b"] },
      { segments: [{ computed: ["d"], keep: ["a", "d"] }], boundary: ["a", "d"] },
      { segments: [{ computed: ["e"], keep: [] }], boundary: [] },
    ]);
  });
});
