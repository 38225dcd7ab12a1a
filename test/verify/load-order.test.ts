/** The result of compression is loaded before a large original, because loading it may take more memory. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { makeNode } from "../../src/ir/index.js";
import { writeModel } from "../../src/onnx/index.js";
import { openRemote, type RemoteRuntime } from "../../src/runtime/index.js";
import { compareOutputs } from "../../src/verify/compare-outputs.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const folder = temporaryFolder();
let runtime: RemoteRuntime;
beforeAll(async () => (runtime = await openRemote()));
afterAll(() => runtime.close());

test.each([
  [1e9, ["small.onnx", "large.onnx"]],
  [1e9 - 1, ["small.onnx"]],
])("after an original of %i bytes, models are loaded in the order %j", async (originalBytes, order) => {
  const [original, compressed] = ["large.onnx", "small.onnx"].map((name) => join(folder.path, name)) as [
    string,
    string,
  ];
  writeModel(model(["n"], [makeNode("Neg", ["x"], ["y"])]), original);
  writeModel(
    model(["n"], [makeNode("Sub", ["x", "x"], ["z"]), makeNode("Sub", ["z", "x"], ["y"])]),
    compressed,
  );
  const opened = await runtime.open(original);
  const open = vi.spyOn(runtime, "open");
  const fidelityData = dataset([feed([3], [1, 2, 3])]);
  const { fidelity } = await compareOutputs({
    original,
    compressed,
    fidelityData,
    runtime,
    opened,
    originalBytes,
  });
  expect(open.mock.calls.map(([path]) => join(path as string).slice(folder.path.length + 1))).toEqual(order);
  // One that was open is released and loaded again, or used.
  await expect(opened.run({})).rejects.toThrow(/already been released/);
  expect(fidelity.outputs.y?.cosine).toBe(1);
  open.mockRestore();
});
