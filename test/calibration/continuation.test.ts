/** A pass that changes layer after layer measures each behind what it leaves alone. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { calibrate } from "../../src/calibration/calibrate.js";
import { Continuation } from "../../src/calibration/continuation.js";
import { exactBoundary } from "../../src/calibration/exact-boundary.js";
import { DataType, floatTensor, integerTensor, makeNode, type Model, type Node } from "../../src/ir/index.js";
import { readModel } from "../../src/onnx/index.js";
import type { OnnxRuntime } from "../../src/runtime/index.js";
import { EdgecError } from "../../src/errors.js";
import type { GramRequest, MomentsRequest } from "../../src/numeric/statistics.js";
import { ModelKeys } from "../../src/run/model-keys.js";
import { countingRuntime, inThisProcess } from "../support/counting-runtime.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { normalArray } from "../support/seeded.js";

const WIDTH = 6;
const LAYERS = 8;
const SAMPLES = 3;

const moments = (layer: number): MomentsRequest => ({ kind: "moments", tensor: `y${layer}`, axis: 1 });

const gram = (layer: number): GramRequest => ({
  kind: "gram",
  tensor: `y${layer}`,
  layout: { type: "lastAxis" },
});

const isOutput = ({ graph }: Model, name: RegExp): boolean =>
  graph.outputs.some((output) => name.test(output.name));

/** Layers of a product and a bias between codes; every third adds what the one before it got. */
function layers(): Model {
  const quantized = (from: string, name: string): Node[] => [
    makeNode("QuantizeLinear", [from, "s", "z"], [`${name}q`]),
    makeNode("DequantizeLinear", [`${name}q`, "s", "z"], [name]),
  ];
  const nodes = quantized("x", "d0");
  const constants = [
    floatTensor("s", [], Float32Array.of(0.05)),
    integerTensor("z", [], DataType.UINT8, Uint8Array.of(128)),
  ];
  for (let layer = 0; layer < LAYERS; layer++) {
    constants.push(
      floatTensor(
        `w${layer}`,
        [WIDTH, WIDTH],
        normalArray(WIDTH ** 2, layer + 1).map((value) => value / 3),
      ),
      floatTensor(`b${layer}`, [WIDTH], new Float32Array(WIDTH).fill(0.1)),
    );
    nodes.push(
      makeNode("MatMul", [`d${layer}`, `w${layer}`], [`m${layer}`]),
      makeNode("Add", [`m${layer}`, `b${layer}`], [`y${layer}`]),
    );
    const isSum = layer % 3 === 2;
    if (isSum) nodes.push(makeNode("Add", [`y${layer}`, `d${layer - 1}`], [`a${layer}`]));
    nodes.push(...quantized(isSum ? `a${layer}` : `y${layer}`, `d${layer + 1}`));
  }
  return model([2, WIDTH], nodes, constants);
}

/** The model with another bias in one layer, as a pass leaves it. */
function withBias(given: Model, layer: number, value: number): Model {
  const initializers = given.graph.initializers.map((tensor) =>
    tensor.name === `b${layer}`
      ? floatTensor(`b${layer}`, [WIDTH], new Float32Array(WIDTH).fill(value))
      : tensor,
  );
  return { ...given, graph: { ...given.graph, initializers } };
}

const data = dataset(Array.from({ length: SAMPLES }, (_, k) => feed([2, WIDTH], normalArray(2 * WIDTH, k))));
const keys = new ModelKeys();
let by = new Continuation((part) => keys.of(part));
afterEach(async () => {
  await by.remove();
  by = new Continuation((part) => keys.of(part));
});

describe("measurements that continue", () => {
  it("give what they give from the start, and run each layer a few times however many follow", async () => {
    const { runtime, runs } = await countingRuntime();
    const process = inThisProcess(runtime);
    const common = { dataset: data, process };
    let current = layers();
    const total = new Map<string, number>();
    for (let layer = 0; layer < LAYERS; layer++) {
      const later = Array.from({ length: LAYERS - layer - 1 }, (_, k) => moments(layer + 1 + k));
      const options = { ...common, model: current, requests: [moments(layer)] };
      runs.clear();
      const statistics = await calibrate({ ...options, continued: { by, later } });
      for (const [name, count] of runs) total.set(name, (total.get(name) ?? 0) + count);
      expect(statistics.get(moments(layer))).toEqual((await calibrate(options)).get(moments(layer)));
      current = withBias(current, layer, 0.1 * layer);
    }
    // Once for its own measurement and once for the next, each with a run that finds sizes, and again where no cut
    // is exact: while a value that is to be added is still a float.
    for (let layer = 0; layer < LAYERS; layer++)
      expect(total.get(`m${layer}`), `m${layer}`).toBeLessThanOrEqual(4 * (SAMPLES + 1));
  });

  it("start from the inputs when something else has changed", async () => {
    const { runtime, runs } = await countingRuntime();
    const common = { dataset: data, process: inThisProcess(runtime) };
    const continued = { by, later: [moments(6)] };
    await calibrate({ ...common, model: layers(), requests: [moments(5)], continued });
    const changed = { ...common, model: withBias(layers(), 1, 2), requests: [moments(6)] };
    runs.clear();
    const statistics = await calibrate({ ...changed, continued: { by, later: [] } });
    expect(runs.get("m0")).toBe(SAMPLES + 1);
    expect(statistics.get(moments(6))).toEqual((await calibrate(changed)).get(moments(6)));
    runs.clear();
    await calibrate({ ...changed, model: withBias(changed.model, 6, 3), continued: { by, later: [] } });
    expect(runs.get("m0")).toBeUndefined();
  });

  it("run in rounds of their own, the first from where the measurement before ended", async () => {
    const { runtime, runs } = await countingRuntime();
    const common = { dataset: data, process: inThisProcess(runtime), model: layers() };
    const later = [5, 6, 7].map(gram);
    await calibrate({ ...common, requests: [moments(4)], continued: { by, later } });
    runs.clear();
    // Of one matrix: every matrix makes a round.
    const rounds = { ...common, requests: later, roundBytes: 8 * WIDTH ** 2 };
    const statistics = await calibrate({ ...rounds, continued: { by, later: [] } });
    expect(runs.get("m0")).toBeUndefined();
    expect(runs.get("m7")).toBe(SAMPLES + 1);
    const fromInputs = await calibrate(rounds);
    for (const request of later) expect(statistics.get(request)).toEqual(fromInputs.get(request));
  });

  it.each([
    ["hand over what lies at the cut", (model: Model) => isOutput(model, /^d\d+q$/)],
    ["start from it", ({ graph }: Model) => graph.inputs.some(({ name }) => /^d\d+q$/.test(name))],
  ])("run without a cut if the runtime refuses to %s", async (_what, isRefused) => {
    const { runtime } = await countingRuntime();
    let refusals = 0;
    const open: OnnxRuntime["open"] = (source, options) => {
      if (typeof source !== "string" || !isRefused(readModel(source))) return runtime.open(source, options);
      // Without a way out, the measurement would ask again and again.
      const code = ++refusals > 100 ? "RUNTIME_CRASHED" : "MODEL_REJECTED";
      return Promise.reject(new EdgecError(code, "refused"));
    };
    const common = { dataset: data, process: inThisProcess({ ...runtime, open }), model: layers() };
    for (const layer of [4, 5]) {
      const options = { ...common, requests: [moments(layer)] };
      const statistics = await calibrate({ ...options, continued: { by, later: [moments(7)] } });
      expect(statistics.get(moments(layer))).toEqual((await calibrate(options)).get(moments(layer)));
    }
    expect(refusals).toBeGreaterThan(0);
  });

  it("leave no file behind", async () => {
    const { runtime } = await countingRuntime();
    const paths: string[] = [];
    const process = inThisProcess(runtime, (method, [round]) => {
      const { save } = (round ?? {}) as { save?: { path: string } };
      if (method === "openRound" && save) paths.push(save.path);
    });
    const continued = { by, later: [moments(5), moments(7)] };
    const options = { model: layers(), dataset: data, process };
    await calibrate({ ...options, requests: [moments(4)], continued });
    await calibrate({ ...options, requests: [moments(5)], continued });
    expect(paths.map((path) => existsSync(path))).toEqual([false, true]);
    await by.remove();
    expect(existsSync(dirname(paths[0]!))).toBe(false);
  });
});

describe("exactBoundary", () => {
  const boundary = (now: string[], later: string[]): string[] | undefined =>
    exactBoundary(layers().graph, now, later)?.sort();

  it("cuts behind codes alone, and hands over all that is read behind the cut", () => {
    expect(boundary(["y1"], ["y7"])).toEqual(["d1q"]);
    // What layer 1 got is added behind layer 2.
    expect(boundary(["y2"], ["y3"])).toEqual(["d1q", "d2q"]);
    expect(boundary(["y2"], [])).toEqual(["d2q"]);
  });

  it("finds none where nothing is quantized", () => {
    const nodes = ["a", "b"].map((name, k) => makeNode("Tanh", [k === 0 ? "x" : "a"], [name]));
    expect(exactBoundary(model([2], nodes).graph, ["b"], [])).toBeUndefined();
  });
});
