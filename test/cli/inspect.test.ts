import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataType, makeNode, tensorValue } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { tiny } from "../support/tiny-models.js";
import { edgecHere } from "./in-process.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const LENET = fixture("models/lenet.onnx");
const temporary = temporaryFolder();

async function expectFailure(args: readonly string[], code: number, message: string | RegExp): Promise<void> {
  const outcome = await edgecHere(["inspect", ...args], { cwd: temporary.path });
  expect(outcome.stderr).toMatch(message);
  expect(outcome).toMatchObject({ code, stdout: "" });
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
}

it("shows sizes from a run, and what passes could do", async () => {
  const { code, stdout, stderr } = await edgec(["inspect", LENET, "--dim", "N=1", "--run", "--sort", "macs"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/MACs +652 k\n/);
  expect(stdout).toMatch(/\/conv2\/Conv +Conv +float 16×6×5×5 .*prune int8 cluster store-int8/);
  expect(stdout.indexOf("/conv1/Conv")).toBeLessThan(stdout.indexOf("/fc1/Gemm"));
});

it("prints JSON alone", async () => {
  const { stdout } = await edgecHere([
    "inspect",
    LENET,
    "--shape",
    "input=2,3,32,32",
    "--no-passes",
    "--json",
  ]);
  expect(JSON.parse(stdout)).toMatchObject({
    inspectionVersion: 1,
    inputs: [{ name: "input", type: "float", shape: [2, 3, 32, 32] }],
    possibilities: null,
  });
});

it("compares two models", async () => {
  const args = ["inspect", LENET, "--diff", fixture("models/mbv2.onnx")];
  expect((await edgecHere(args)).stdout).toMatch(/^Conv +2 +26 +\+24$/m);
  expect(JSON.parse((await edgecHere([...args, "--json"])).stdout)).toMatchObject({
    diffVersion: 1,
    parameters: { before: 62_006, after: 234_734 },
  });
});

it("exits 3 for an invalid model, but shows it", async () => {
  const { code, stdout } = await edgecHere(["inspect", fixture("hostile/cycle.onnx")]);
  expect(code).toBe(3);
  expect(stdout).toContain("not valid: 2 nodes form a cycle");
});

it("runs a model with an open batch on one sample, and says so", async () => {
  const { code, stdout } = await edgecHere(["inspect", LENET, "--run"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^assumed +The size "N" is open and was assumed to be 1/m);
  expect(stdout).not.toContain("The model was not run");
});

describe("wrong usage", () => {
  it("exits 2 for a missing model", () => expectFailure(["missing.onnx"], 2, "missing.onnx"));
  it("exits 2 for a missing model to compare with", () =>
    expectFailure([LENET, "--diff", "missing.onnx"], 2, "missing.onnx"));
  it("exits 3 for a file that is not a model", async () => {
    await writeFile(join(temporary.path, "text.onnx"), "hello, world");
    await expectFailure(["text.onnx"], 3, "text.onnx");
  });
  it("exits 2 and suggests an input", () =>
    expectFailure([LENET, "--shape", "inptu=1,3,32,32"], 2, /"inptu" is not an input.*Did you mean "input"/));
  it("exits 2 for another rank", () =>
    expectFailure([LENET, "--shape", "input=1,3"], 2, /has 4 dimensions, \[N, 3, 32, 32\], but 2 are given/));
  it("exits 2 for a negative size", () =>
    expectFailure([LENET, "--shape", "input=-1,3,32,32"], 2, "a size must be a whole number, 1 or more"));
  it("exits 2 for a shape without a name", () =>
    expectFailure([LENET, "--shape", "1,3,32,32"], 2, "such as image=1,3,224,224"));
  it("exits 2 and lists the symbols", () =>
    expectFailure([LENET, "--dim", "batch=1"], 2, /"batch" is not a symbolic dimension.*It has "N"/));
  it("exits 2 for a run with an open length", async () => {
    const model = tiny([makeNode("Relu", ["x"], ["y"])]);
    model.graph.inputs = [tensorValue("x", DataType.FLOAT, ["N", "length"])];
    await writeFile(join(temporary.path, "open.onnx"), encodeModelBytes(model));
    await expectFailure([join(temporary.path, "open.onnx"), "--run"], 2, "--dim length=1");
  });
  it("exits 2 for an option that has no effect with --diff", () =>
    expectFailure([LENET, "--diff", LENET, "--sort", "name"], 2, "--sort has no effect with --diff"));
  it("exits 2 for an unknown order", () =>
    expectFailure([LENET, "--sort", "size"], 2, "Allowed choices are bytes, macs, name"));
});

it("escapes control characters in names from a model, also in errors", async () => {
  const name = "a\x1b[2J\u009bb";
  const model = tiny([{ ...makeNode("Relu", ["x"], [name]), name }]);
  await writeFile(join(temporary.path, "evil.onnx"), encodeModelBytes(model));
  const shown = await edgecHere(["inspect", "evil.onnx", "--nodes", "--all"], { cwd: temporary.path });
  const asJson = await edgecHere(["inspect", "evil.onnx", "--json"], { cwd: temporary.path });
  const failed = await edgecHere(["compress", "evil.onnx", "--exclude", `${name}c`], { cwd: temporary.path });
  for (const { stdout, stderr } of [shown, asJson, failed]) expect(stdout + stderr).not.toMatch(/[\x1b\x9b]/);
  expect(shown.stdout).toContain("a\\x1b[2J\\x9bb");
  expect((JSON.parse(asJson.stdout) as { nodes: { name: string }[] }).nodes[0]?.name).toBe(name);
  expect(failed.stderr).toContain("a\\x1b[2J\\x9bbc");
});

it("needs a runtime only to run", async () => {
  const env = { NODE_OPTIONS: `--import ${new URL("./no-runtime.mjs", import.meta.url).href}` };
  expect((await edgec(["inspect", LENET], { env })).code).toBe(0);
  expect(await edgec(["inspect", LENET, "--dim", "N=1", "--run"], { env })).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("no onnxruntime could be loaded") as string,
  });
  expect(readFileSync(LENET).byteLength).toBeGreaterThan(0);
});
