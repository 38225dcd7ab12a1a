/** Many small constants of one shape: one chain and a Split make them, bit for bit, in fewer bytes than their own. */
import { describe, expect, it } from "vitest";
import {
  copyModel,
  DataType,
  GraphEditor,
  tensorBytes,
  type Model,
  type Tensor,
} from "../../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../../src/onnx/index.js";
import { constantChains } from "../../../src/passes/encode/constant-chains.js";
import { dropStages } from "../../../src/passes/encode/drop-stages.js";
import { encodeWeights } from "../../../src/passes/encode/encode-weights.js";
import { planPasses } from "../../../src/plan/plan.js";
import { runPasses } from "../../../src/run/run-plan.js";
import { EVALUATOR } from "../../support/running.js";
import { sampled } from "../../support/thorough.js";
import { CLUSTERED, manyTensorsModel, PRUNED, randomTensors, tensorsOf } from "./many-tensors.js";
import { CONTEXT, execute, leadingBytes, LEVELS, type Execution } from "./tiny-models.js";

const size = (model: Model): number => encodeModelBytes(model).byteLength;
const bytesOf = (output: Execution["outputs"][string] | undefined): Uint8Array =>
  leadingBytes(output, (output!.data as Float32Array).byteLength);
const operators = ({ graph }: Model, wanted: string): number =>
  graph.nodes.filter(({ opType }) => opType === wanted).length;

function modelOf(tensors: readonly Tensor[], opset = 17): Model {
  return manyTensorsModel(tensors, opset);
}

async function encoded(tensors: readonly Tensor[], opset = 17, options = {}): Promise<Model> {
  const model = modelOf(tensors, opset);
  await encodeWeights(options).run(model, CONTEXT);
  return model;
}

describe("random models of many constants", () => {
  const SEEDS = sampled(
    Array.from({ length: 20 }, (_, k) => k + 1),
    5,
  );

  it.each(SEEDS)("decode bit for bit and are folded away, seed %i", async (seed) => {
    const opset = [11, 13, 17, 18, 21][seed % 5]!;
    const storage = seed % 3 === 0 ? "smallest" : "auto";
    const tensors = randomTensors(seed);
    const before = await execute(modelOf(tensors, opset), "all");
    const model = await encoded(tensors, opset, { storage, functions: seed % 4 !== 0 });
    expect(size(model)).toBeLessThanOrEqual(size(modelOf(tensors, opset)));
    for (const level of LEVELS) {
      const after = await execute(model, level);
      for (const [name, output] of Object.entries(before.outputs))
        expect(Buffer.compare(bytesOf(after.outputs[name]), bytesOf(output))).toBe(0);
      if (level !== "disabled") expect(new Set(after.operators)).toEqual(new Set(["Concat"]));
    }
  });

  it.each(SEEDS)(
    "are dense once they were unpacked, and the same bytes when encoded again, seed %i",
    async (seed) => {
      const opset = [11, 13, 17, 18, 21][seed % 5]!;
      const tensors = randomTensors(seed);
      const once = await after(modelOf(tensors, opset), "encode-weights");
      const { graph } = await after(once, "unpack-weights,remove-dead");
      const dense = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
      for (const { name, dims, raw } of tensors) {
        expect(dense.get(name)?.dims).toEqual(dims);
        expect(Buffer.compare(tensorBytes(dense.get(name)!), raw!)).toBe(0);
      }
      const again = await after(once, "unpack-weights,remove-dead,encode-weights");
      expect(size(again)).toBeLessThanOrEqual(size(once));
    },
  );
});

/** The model after these passes, written and read. */
async function after(model: Model, passes: string): Promise<Model> {
  const changed = copyModel(model);
  const plan = planPasses(changed, { flags: {}, passes });
  await runPasses(changed, plan, { evaluator: EVALUATOR, logger: {}, seed: 0, threads: 1, debug: true });
  return decodeModel(encodeModelBytes(changed));
}

describe("the number of nodes and constants does not follow that of the members", () => {
  it.each([
    ["pruned", PRUNED],
    ["of 16 values", CLUSTERED],
    ["pruned, of 15 values", { sparsity: 0.8, levels: 15 }],
  ])("%s", async (_, kind) => {
    for (const count of [100, 800]) {
      const model = await encoded(tensorsOf("w", count, [16, 16], kind), 17, { functions: false });
      expect(operators(model, "Split")).toBe(1);
      expect(model.graph.nodes.length).toBeLessThan(30);
      expect(model.graph.initializers.length).toBeLessThan(20);
    }
  });

  it("but for groups of bounded size, whose chains are one function", async () => {
    const model = await encoded(tensorsOf("w", 96, [128, 128], PRUNED));
    // 1.5 million elements, at most 2^19 in each.
    expect(operators(model, "Split")).toBe(3);
    expect(model.functions).toHaveLength(1);
  });
});

describe("a group", () => {
  it.each([
    ["pruned", PRUNED],
    ["of 16 values", CLUSTERED],
    ["pruned, of 15 values", { sparsity: 0.8, levels: 15 }],
  ])("takes less than its members in two halves, each too few for a group: %s", async (_, kind) => {
    const tensors = tensorsOf("w", 62, [16, 16], kind);
    const [whole, first, second] = await Promise.all(
      [tensors, tensors.slice(0, 31), tensors.slice(31)].map((some) => encoded(some)),
    );
    expect(operators(first!, "Split") + operators(second!, "Split")).toBe(0);
    expect(operators(whole!, "Split")).toBe(1);
    expect(size(whole!)).toBeLessThan(size(first!) + size(second!));
  });

  it("reports each member, and bytes that are those of the file", async () => {
    const model = modelOf(tensorsOf("w", 40, [16, 16], PRUNED));
    const before = size(model);
    const { stats, nodes } = await encodeWeights().run(model, CONTEXT);
    expect(stats).toMatchObject({ encodedTensors: 40, tensorGroups: 1, maskTensors: 40 });
    expect(nodes.map(({ name, status }) => [name, status])).toEqual(
      Array.from({ length: 40 }, (_, k) => [`w${k}`, "changed"]),
    );
    expect(nodes[0]!.reason).toMatch(/^packed with others of its shape, bit mask, .*: 10\d\d → \d+ bytes$/);
    // The graph's own length may take another byte.
    const saved = (stats.bytesBefore ?? 0) - (stats.bytesAfter ?? 0);
    expect(Math.abs(before - size(model) - saved)).toBeLessThanOrEqual(1);
  });

  it("leaves out what is excluded, annotated, an output, of another kind or of another type", async () => {
    const tensors = [
      ...tensorsOf("w", 40, [16, 16], PRUNED),
      ...tensorsOf("dense", 40, [16, 16], { sparsity: 0, levels: 0 }),
      ...tensorsOf("half", 40, [16, 16], { sparsity: 0.8, levels: 15 }, DataType.FLOAT16),
    ];
    tensors[1]!.docString = "kept with its node";
    const model = modelOf(tensors);
    model.graph.outputs.push({ name: "w2" });
    await encodeWeights({ exclude: ["w0"] }).run(model, CONTEXT);
    const splits = model.graph.nodes.filter(({ opType }) => opType === "Split");
    const names = splits.map(({ outputs }) => [outputs.length, outputs[0]]);
    expect(names).toEqual([
      [37, "w3"],
      [40, "half0"],
    ]);
    expect(model.graph.initializers.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["w0", "w2", "dense0", "dense39"]),
    );
    expect(model.graph.nodes.find(({ outputs }) => outputs[0] === "w1")?.docString).toBe(
      "kept with its node",
    );
  });

  it("counts as one chain whose memory is known, and waits for a stage", async () => {
    const tensors = tensorsOf("w", 96, [128, 128], PRUNED);
    const model = modelOf(tensors);
    const before = await execute(model, "all");
    const { stats } = await encodeWeights().run(model, CONTEXT);
    expect(stats).toMatchObject({ tensorGroups: 3, loadStages: 3 });
    const after = await execute(model, "all");
    expect(after.operators).toEqual(["Concat"]);
    expect(Buffer.compare(bytesOf(after.outputs.y0), bytesOf(before.outputs.y0))).toBe(0);
    expect(dropStages(model)).toBe(2);
    const chains = constantChains(model, GraphEditor.forMainGraph(model));
    expect(chains.map(({ cost }) => cost.made.at(-1))).toEqual([2 ** 21, 2 ** 21, 2 ** 21]);
  });
});
