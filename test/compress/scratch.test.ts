import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DataType, floatTensor, tensorBytes, tensorValue } from "../../src/ir/index.js";
import { encodeModelBytes, readModel, ScratchFile } from "../../src/onnx/index.js";
import { compress } from "../../src/compress/compress.js";
import { planPasses } from "../../src/plan/plan.js";
import { runPasses } from "../../src/run/run-plan.js";
import { fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { normalArray } from "../support/seeded.js";
import { matMulModel } from "../support/mat-mul-model.js";
import type { PlanOptions } from "../../src/plan/plan-request.js";

const MIB = 2 ** 20;
const temporary = temporaryFolder();

it.each<[string, PlanOptions]>([
  ["int8 storage", { flags: {}, storeOnly: true }],
  ["int8 arithmetic", { flags: { int8: "" } }],
  ["pruning and clustering", { flags: { prune: "0.5", cluster: "16" } }],
])("a model whose new tensors all went to the disk comes out the same: %s", async (_, options) => {
  const run = async (scratch?: ScratchFile): Promise<Uint8Array> => {
    // As if too large for memory, too.
    const model = {
      ...readModel(fixture("models/lenet.onnx"), { lazyFrom: scratch ? 64 : Infinity }),
      ...(scratch ? { scratch } : {}),
    };
    await runPasses(model, planPasses(model, options), { logger: {}, seed: 0, threads: 1 });
    return encodeModelBytes(model);
  };
  const scratch = new ScratchFile(join(temporary.path, "scratch"), { inMemory: 0, minBytes: 1 });
  const [expected, actual] = [await run(), await run(scratch)];
  expect(scratch.isUsed).toBe(true);
  scratch.close();
  expect(existsSync(join(temporary.path, "scratch"))).toBe(false);
  expect(Buffer.compare(actual, expected)).toBe(0);
});

it.each<[string, PlanOptions, number]>([
  ["pruning by a ratio", { flags: { prune: "0.5", storage: "plain" } }, 4 * MIB],
  // Its blocks lie across the rows of a tensor, which goes through one buffer.
  ["pruning 2:4", { flags: { prune: "2:4", storage: "plain" } }, 16 * MIB],
  ["storing zeros as gaps", { flags: {} }, 4 * MIB],
])("takes no more of a tensor of 16 MiB into memory than it needs: %s", async (_, options, limit) => {
  const values = normalArray(4 * MIB, 1);
  for (let i = 0; i < values.length; i += 3) values[i] = 0;
  const bytes = new Uint8Array(values.buffer);
  let most = 0;
  const lazy = {
    length: bytes.byteLength,
    read: (target: Uint8Array, offset: number): void => {
      most = Math.max(most, target.byteLength);
      target.set(bytes.subarray(offset, offset + target.byteLength));
    },
  };
  const model = matMulModel();
  model.graph.initializers = [{ name: "w", dims: [2048, 2048], dataType: DataType.FLOAT, lazy }];
  model.graph.inputs = [tensorValue("x", DataType.FLOAT, [1, 2048])];
  model.graph.outputs = [tensorValue("y", DataType.FLOAT, [1, 2048])];
  model.scratch = new ScratchFile(join(temporary.path, "scratch"), { inMemory: 0, minBytes: 1 });
  const { passes } = await runPasses(model, planPasses(model, options), { logger: {}, seed: 0, threads: 1 });
  expect(
    passes.some(
      ({ name, modified }) => modified && (name === "prune-magnitude" || name === "encode-weights"),
    ),
  ).toBe(true);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(limit);
});

it("gives the caller a model that outlives the run's scratch file", async () => {
  // 20 MB of new int8 weights, more than stay in memory.
  const large = matMulModel();
  large.graph.initializers = [floatTensor("w", [2048, 10_000], new Float32Array(20_480_000).fill(0.5))];
  large.graph.inputs = [tensorValue("x", DataType.FLOAT, [1, 2048])];
  large.graph.outputs = [tensorValue("y", DataType.FLOAT, [1, 10_000])];
  const { model } = await compress(large, {
    passes: "store-int8",
    output: join(temporary.path, "out.onnx"),
    verify: false,
  });
  expect(model.scratch).toBeUndefined();
  const codes = model.graph.initializers.find((tensor) => tensor.dataType === DataType.INT8);
  expect(codes && tensorBytes(codes).every((code) => code === 127)).toBe(true);
});
