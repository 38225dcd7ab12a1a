import { expect, it } from "vitest";
import type { SensitivityReport } from "../../src/compare/sensitivity.js";
import { edgec, fixture } from "../support/run-edgec.js";

async function ranked(...flags: readonly string[]): Promise<SensitivityReport> {
  const { code, stdout, stderr } = await edgec([
    "sensitivity",
    fixture("models/lenet.onnx"),
    "--calib",
    fixture("digits/digits-rgb32-calib.npz"),
    "--json",
    ...flags,
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as SensitivityReport;
}

it("leaves out excluded nodes, and ranks with one scale per weight", async () => {
  const [channels, tensors] = [
    await ranked("--exclude", "Gemm"),
    await ranked("--exclude", "Gemm", "--per-tensor"),
  ];
  for (const { nodes, left } of [channels, tensors])
    expect([nodes.map(({ opType }) => opType), left]).toEqual([["Conv", "Conv"], 0]);
  expect(tensors.allDb).toBeLessThan(channels.allDb);
});
