import { expect, it } from "vitest";
import { makeNode } from "../../src/ir/index.js";
import { fileLabel, TemporaryFolder, writeModel } from "../../src/onnx/index.js";
import { openRemote } from "../../src/runtime/index.js";
import { model } from "../calibration/tiny-models.js";

it("files made on the way are called by what they hold while they are there, others by their paths", async () => {
  const folder = await TemporaryFolder.create("test");
  const [trial, reference, other] = ["trial.onnx", "reference.onnx", "3.onnx"].map((name) => folder.file(name));
  expect([trial, reference, other, "/home/me/model.onnx"].map((path) => fileLabel(path!))).toEqual(["the compressed model", "the original model", "a model made on the way", "/home/me/model.onnx"]);
  await folder.remove();
  expect(fileLabel(trial!)).toBe(trial);
});

it("no message of the runtime tells a path that nobody knows", async () => {
  const folder = await TemporaryFolder.create("test");
  const runtime = await openRemote();
  try {
    const { path } = writeModel(model([1, 2], [{ ...makeNode("Unheard", ["x"], ["y"]), domain: "of.this" }]), folder.file("trial.onnx"));
    for (const refused of [runtime.open(path), runtime.timeInterleaved([path], [], { warmup: 0, runs: 1, threads: 1 }), runtime.optimizedGraph(path)]) {
      const message = await refused.then(() => "", (error: unknown) => (error as Error).message);
      expect(message).toContain("the compressed model: onnxruntime cannot load the model");
      expect(message).not.toContain(folder.path);
    }
  } finally {
    await runtime.close();
    await folder.remove();
  }
});
