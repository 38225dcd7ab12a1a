/** Models on large inputs are compared without a second block of memory for their activations. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { makeNode } from "../../src/ir/index.js";
import { writeModel } from "../../src/onnx/index.js";
import { openRemote, type RemoteRuntime } from "../../src/runtime/index.js";
import { verifyModels } from "../../src/verify/index.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const folder = temporaryFolder();
let runtime: RemoteRuntime;
beforeAll(async () => (runtime = await openRemote()));
afterAll(() => runtime.close());

test.each([
  [2 ** 18, false],
  [2 ** 18 - 1, true],
])("memory is planned ahead for inputs below 1 MiB only (%s numbers)", async (size, plansMemory) => {
  const path = join(folder.path, "relu.onnx");
  writeModel(model(["n"], [makeNode("Relu", ["x"], ["y"])]), path);
  const open = vi.spyOn(runtime, "open");
  const fidelityData = dataset([feed([size], new Float32Array(size))]);
  await verifyModels({ original: path, compressed: path, fidelityData, runs: 1, runtime });
  expect(open.mock.calls.map(([, options]) => options?.plansMemory)).toEqual([plansMemory, plansMemory]);
  open.mockRestore();
});
