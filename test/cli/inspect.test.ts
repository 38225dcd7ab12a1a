import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeNode } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { tiny } from "../passes/graph/tiny-models.js";
import { edgec, fixture } from "./run-edgec.js";
import { temporaryFolder } from "./temporary-folder.js";

const LENET = fixture("models/lenet.onnx");
const temporary = temporaryFolder();

async function expectFailure(args: readonly string[], code: number, message: string | RegExp): Promise<void> {
  const outcome = await edgec(["inspect", ...args], { cwd: temporary.path });
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
  const { stdout } = await edgec(["inspect", LENET, "--shape", "input=2,3,32,32", "--no-passes", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ inspectionVersion: 1, inputs: [{ name: "input", type: "float", shape: [2, 3, 32, 32] }], possibilities: null });
});

it("sets two models side by side", async () => {
  const args = ["inspect", LENET, "--diff", fixture("models/mbv2.onnx")];
  expect((await edgec(args)).stdout).toMatch(/^Conv +2 +26 +\+24$/m);
  expect(JSON.parse((await edgec([...args, "--json"])).stdout)).toMatchObject({ diffVersion: 1, parameters: { before: 62_006, after: 234_734 } });
});

it("exits 3 for a model that is not valid, and shows it all the same", async () => {
  const { code, stdout } = await edgec(["inspect", fixture("hostile/cycle.onnx")]);
  expect(code).toBe(3);
  expect(stdout).toContain('not valid: 2 nodes form a cycle');
});

describe("wrong usage", () => {
  it("exits 2 for a model that is not there", () => expectFailure(["missing.onnx"], 2, "missing.onnx"));
  it("exits 2 for another model that is not there", () => expectFailure([LENET, "--diff", "missing.onnx"], 2, "missing.onnx"));
  it("exits 3 for a file that is no model", async () => {
    await writeFile(join(temporary.path, "text.onnx"), "hello, world");
    await expectFailure(["text.onnx"], 3, "text.onnx");
  });
  it("exits 2 and suggests an input", () => expectFailure([LENET, "--shape", "inptu=1,3,32,32"], 2, /"inptu" is no input.*Did you mean "input"/));
  it("exits 2 for another rank", () => expectFailure([LENET, "--shape", "input=1,3"], 2, /has 4 dimensions, \[N, 3, 32, 32\], and 2 are given/));
  it("exits 2 for a negative size", () => expectFailure([LENET, "--shape", "input=-1,3,32,32"], 2, "a size is a whole number, 1 or more"));
  it("exits 2 for a shape without a name", () => expectFailure([LENET, "--shape", "1,3,32,32"], 2, "such as image=1,3,224,224"));
  it("exits 2 and says which symbols there are", () => expectFailure([LENET, "--dim", "batch=1"], 2, /"batch" is no symbolic dimension.*It has "N"/));
  it("exits 2 for a run with an open size", () => expectFailure([LENET, "--run"], 2, "--dim N=1"));
  it("exits 2 for an option that a comparison does not take", () => expectFailure([LENET, "--diff", LENET, "--sort", "name"], 2, "--sort has no effect with --diff"));
  it("exits 2 for an unknown order", () => expectFailure([LENET, "--sort", "size"], 2, "Allowed choices are bytes, macs, name"));
});

it("prints names from a model with control characters made visible, also in errors", async () => {
  const name = "a\x1b[2J\u009bb";
  const model = tiny([{ ...makeNode("Relu", ["x"], [name]), name }]);
  await writeFile(join(temporary.path, "evil.onnx"), encodeModelBytes(model));
  const shown = await edgec(["inspect", "evil.onnx", "--nodes", "--all"], { cwd: temporary.path });
  const asJson = await edgec(["inspect", "evil.onnx", "--json"], { cwd: temporary.path });
  const failed = await edgec(["compress", "evil.onnx", "--exclude", `${name}c`], { cwd: temporary.path });
  for (const { stdout, stderr } of [shown, asJson, failed]) expect(stdout + stderr).not.toMatch(/[\x1b\x9b]/);
  expect(shown.stdout).toContain("a\\x1b[2J\\x9bb");
  expect((JSON.parse(asJson.stdout) as { nodes: { name: string }[] }).nodes[0]?.name).toBe(name);
  expect(failed.stderr).toContain("a\\x1b[2J\\x9bbc");
});

it("needs a runtime only to run", async () => {
  const env = { NODE_OPTIONS: `--import ${new URL("./no-runtime.mjs", import.meta.url).href}` };
  expect((await edgec(["inspect", LENET], { env })).code).toBe(0);
  expect(await edgec(["inspect", LENET, "--dim", "N=1", "--run"], { env })).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("no onnxruntime could be loaded") as string });
  expect(readFileSync(LENET).byteLength).toBeGreaterThan(0);
});
