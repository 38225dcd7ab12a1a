/** Where constants are too many and too different for groups, only as many get a chain as loading can bear. */
import { describe, expect, it } from "vitest";
import { floatTensor, type Model, type Tensor } from "../../../src/ir/index.js";
import { encodeModelBytes } from "../../../src/onnx/index.js";
import { encodeWeights } from "../../../src/passes/encode/encode-weights.js";
import { mostChains } from "../../../src/passes/encode/many-chains.js";
import { unpackWeights } from "../../../src/passes/encode/unpack-weights.js";
import { EVALUATOR } from "../../support/running.js";
import { manyTensorsModel } from "./many-tensors.js";
import { CONTEXT, execute, prunedValues } from "./tiny-models.js";

/** 400 pruned constants of 400 shapes, the later ones larger. */
const TENSORS: Tensor[] = Array.from({ length: 400 }, (_, k) => {
  const dims = [8 + (k % 20), 20 + Math.floor(k / 20)];
  return floatTensor(`w${k}`, dims, prunedValues(dims[0]! * dims[1]!, 0.7, 0, k + 1));
});
const BYTES = TENSORS.reduce((sum, { raw }) => sum + raw!.byteLength, 0);
const MOST = mostChains(manyTensorsModel(TENSORS, 17).graph.nodes.length, BYTES);

const chainsOf = ({ graph }: Model): number => graph.nodes.filter(({ domain }) => domain === "e").length;

describe("400 pruned constants of 400 shapes", () => {
  it("get as many chains as loading can bear, those that save most, and the rest is told", async () => {
    const model = manyTensorsModel(TENSORS, 17);
    const before = await execute(model, "all");
    const { nodes, diagnostics } = await encodeWeights().run(model, CONTEXT);
    expect(chainsOf(model)).toBe(MOST);
    const kept = nodes.filter(({ status }) => status === "kept");
    expect(kept).toHaveLength(TENSORS.length - MOST);
    expect(kept[0]!.reason).toMatch(/^its chain would make the model slow to load: \d+ bytes$/);
    const sizes = new Map(TENSORS.map(({ name, raw }) => [name, raw!.byteLength]));
    const mean = (status: string): number => {
      const own = nodes.filter((node) => node.status === status);
      return own.reduce((sum, { name }) => sum + sizes.get(name)!, 0) / own.length;
    };
    expect(mean("changed")).toBeGreaterThan(mean("kept"));
    expect(diagnostics.map(({ id }) => id)).toEqual(["encode-weights/slow-to-load"]);
    expect(diagnostics[0]!.message).toContain(`${TENSORS.length - MOST} small constants stay dense`);
    const after = await execute(model, "all");
    for (const [name, { data }] of Object.entries(before.outputs))
      expect(after.outputs[name]!.data).toEqual(data);
  });

  it("all get one with storage smallest, and keep it where the file has it", async () => {
    const model = manyTensorsModel(TENSORS, 17);
    await encodeWeights({ storage: "smallest" }).run(model, CONTEXT);
    expect(chainsOf(model)).toBe(TENSORS.length);
    const bytes = encodeModelBytes(model).byteLength;
    await unpackWeights().run(model, { ...CONTEXT, evaluator: EVALUATOR });
    expect(chainsOf(model)).toBe(0);
    const { diagnostics } = await encodeWeights().run(model, CONTEXT);
    expect(diagnostics).toEqual([]);
    expect(model.graph.nodes.filter(({ domain }) => domain).length).toBe(TENSORS.length);
    // The function of the first time stays until a later pass removes it.
    expect(encodeModelBytes(model).byteLength).toBeLessThan(1.1 * bytes);
  });
});

it("the number that loading can bear grows with the model, and is never small", () => {
  // 7.5 nodes for each chain, and 1/1143 for each chain and each of nine nodes of each: 1250 nodes at 144 chains.
  expect(mostChains(0, 0)).toBe(144);
  // 10,000 nodes of 5 MB load as 10,125 nodes do, which chains may triple: 20,250 = 16.25 c + 0.007875 c² at c = 875.
  expect(mostChains(10_000, 5e6)).toBe(875);
  expect(mostChains(200, 4e9)).toBeGreaterThan(4000);
});
