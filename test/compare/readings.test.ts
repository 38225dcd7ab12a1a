/** A file is decoded once, and no model stays in memory while the runtime holds what it was written to. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeEach, expect, it, vi } from "vitest";
import { compress } from "../../src/compress/compress.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { floatTensor, type Model, type Tensor, tensorBytes } from "../../src/ir/index.js";
import type { readModel } from "../../src/onnx/read.js";
import type { Pass } from "../../src/passes/contract.js";
import { definePass } from "../../src/passes/define-pass.js";
import { networkOnDisk } from "../compress/small-network.js";

const { readings, opened } = vi.hoisted(() => ({
  readings: [] as unknown[],
  opened: { before: undefined as (() => Promise<void>) | undefined, models: [] as unknown[] },
}));

vi.mock("../../src/onnx/read.js", async (original) => {
  const real = await original<{ readModel: typeof readModel }>();
  return {
    ...real,
    readModel: (...given: Parameters<typeof readModel>) => {
      readings.push(given[0]);
      return real.readModel(...given);
    },
  };
});

vi.mock("../../src/runtime/service.js", async (original) =>
  (await import("./watched-service.js")).watchedService(original, async (method, [model]) => {
    if (method !== "open") return;
    opened.models.push(model);
    await opened.before?.();
  }),
);

const { folder, path } = networkOnDisk(3, 16);
const output = join(folder, "out.onnx");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  readings.splice(0);
  opened.models.splice(0);
  opened.before = undefined;
});

it("the original is decoded once, and the result once", async () => {
  await compress(path, { prune: 0.5, output, force: true });
  expect(readings.filter((read) => read === path)).toHaveLength(1);
  // The second is the output of an earlier run, if there is one: it may be replaced only if edgec wrote it.
  expect(new Set(readings).size).toBe(readings.length);
});

it("the model in the result is decoded from the file when it is asked for, once, and outlives it", async () => {
  const result = await compress(path, { prune: 0.5, output, force: true });
  rmSync(output);
  expect(result.model).toBe(result.model);
  expect(Buffer.from(result.bytes()).equals(Buffer.from(encodeModelBytes(result.model)))).toBe(true);
});

it("neither the original nor the result is in memory while they are compared", async () => {
  let made: WeakRef<Model["graph"]> | undefined;
  let planned: WeakRef<Model["graph"]> | undefined;
  const mine = definePass<Record<string, never>>({
    name: "looks",
    description: "",
    lossy: false,
    defaults: {},
    run: (model) => {
      planned = new WeakRef(model.graph);
      return { modified: false, stats: {}, nodes: [], diagnostics: [] };
    },
  })();
  const marks = definePass<Record<string, never>>({
    name: "marks",
    description: "",
    lossy: true,
    defaults: {},
    run: (model) => {
      made = new WeakRef(model.graph);
      model.docString = "changed";
      return { modified: true, stats: {}, nodes: [], diagnostics: [] };
    },
  })();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const left: unknown[] = [];
  opened.before = async () => {
    // A reference that was read holds its target until the turn ends.
    await turn();
    collect();
    left.push(made?.deref(), planned?.deref());
  };
  await compress(path, { passes: [mine, marks], output, force: true });
  expect(left.length).toBeGreaterThanOrEqual(4);
  expect(left.filter((graph) => graph !== undefined)).toEqual([]);
});

it("the original is loaded once, also where so much is lost that its exact passes are in question", async () => {
  const scales = (name: string, factor: number, lossy: boolean): Pass =>
    definePass<Record<string, never>>({
      name,
      description: "",
      lossy,
      defaults: {},
      run: ({ graph }) => {
        const { initializers } = graph;
        graph.initializers = initializers.map((tensor) =>
          tensor.name?.startsWith("w") ? scaled(tensor, factor) : tensor,
        );
        return { modified: true, stats: {}, nodes: [], diagnostics: [] };
      },
    })();
  // Outputs of the other sign: the error is larger than the signal.
  await compress(path, {
    passes: [scales("same", 1, false), scales("other", -1, true)],
    output,
    force: true,
  });
  expect(opened.models.filter((model) => model === path)).toHaveLength(1);
  expect(opened.models.some((model) => String(model).includes("exact"))).toBe(true);
});

function scaled(tensor: Tensor, factor: number): Tensor {
  const values = new Float32Array(Uint8Array.from(tensorBytes(tensor)).buffer);
  return floatTensor(
    tensor.name ?? "",
    tensor.dims,
    values.map((value) => factor * value),
  );
}
