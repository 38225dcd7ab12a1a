/**
 * Each worked example of docs/internals/extending.md, added as the text says, works from end to end: in help, in a run,
 * and in what derives from its array.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  DataType,
  floatTensor,
  readModel,
  tensorValue,
  toFloat32,
  writeModel,
  type Report,
} from "../../src/index.js";
import { matMulModel } from "../support/mat-mul-model.js";
import { compiled, examplesIn, packageWith } from "./worked-examples.js";

const examples = examplesIn(readFileSync("docs/internals/extending.md", "utf8"));
const folder = mkdtempSync(join(tmpdir(), "edgec-extending-"));
const inFolder = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(() => {
  const { problems, code } = compiled(examples);
  expect(problems).toEqual([]);
  packageWith(folder, examples, code);
  writeModel(matMulModel(), inFolder("model.onnx"));
}, 120_000);

function edgec(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [inFolder("bin/edgec.js"), ...args], {
    encoding: "utf8",
    cwd: folder,
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

/** What an expression over a compiled module gives, in a process of its own. */
function evaluated(module: string, expression: string): unknown {
  const url = pathToFileURL(inFolder(module)).href;
  const script = `import * as m from ${JSON.stringify(url)}; console.log(JSON.stringify(${expression}));`;
  return JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }),
  ) as unknown;
}

const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

describe("docs/internals/extending.md", () => {
  it("has an example of each registry", () => {
    expect(examples.map(({ array }) => array)).toEqual([
      "DATA_FORMATS",
      "REPORT_FORMATS",
      "STORAGE_FORMS",
      "TARGETS",
    ]);
  });

  it("adds a data format, which help lists and a run reads", () => {
    expect(flat(edgec("compress", "--help"))).toContain(
      ".npz, .npy, .jsonl, .mjs, a folder of test_data_set_N or .tsv",
    );
    writeFileSync(inFolder("data.tsv"), "1\t2\n3\t4\n0.5\t-1\n");
    const out = edgec("verify", "model.onnx", "model.onnx", "--eval", "data.tsv", "--json");
    expect((JSON.parse(out) as Report).fidelity).toMatchObject({ samples: 3, source: "data.tsv" });
    writeFileSync(inFolder("bad.tsv"), "1\ttwo\n");
    const { status, stderr } = spawnSync(
      process.execPath,
      [inFolder("bin/edgec.js"), "verify", "model.onnx", "model.onnx", "--eval", "bad.tsv"],
      { encoding: "utf8", cwd: folder },
    );
    expect([status, stderr]).toEqual([2, expect.stringContaining("bad.tsv:1: not a list of numbers")]);
  });

  it("adds a report format, which help lists, and whose files a later run replaces", () => {
    expect(flat(edgec("verify", "--help"))).toContain("CSV for a name ending in .csv");
    for (let run = 0; run < 2; run++)
      edgec("optimize", "model.onnx", "-o", "out.onnx", "--no-verify", "--quiet", "--report", "report.csv");
    expect(readFileSync(inFolder("report.csv"), "utf8")).toMatch(
      /^edgec report,before,after,change\n"size",/,
    );
  });

  it("adds a storage form, which is chosen where it is smallest and decodes to the same values", () => {
    const row = Float32Array.from({ length: 64 }, (_, k) => Math.sin(k + 1));
    const rows = Float32Array.from({ length: 2 * 64 * 64 }, (_, k) => row[k % 64]!);
    const model = matMulModel();
    model.graph.initializers = [floatTensor("w", [128, 64], rows)];
    model.graph.inputs = [tensorValue("x", DataType.FLOAT, [1, 128])];
    model.graph.outputs = [tensorValue("y", DataType.FLOAT, [1, 64])];
    writeModel(model, inFolder("rows.onnx"));
    const report = JSON.parse(edgec("compress", "rows.onnx", "-o", "rows.small.onnx", "--json")) as Report;
    const pass = report.passes.find(({ name }) => name === "encode-weights");
    expect(pass?.stats).toMatchObject({ encodedTensors: 1, repeatedTensors: 1 });
    expect(Object.values(report.fidelity!.outputs)).toMatchObject([{ maxAbsError: 0 }]);
    const held = readModel(inFolder("rows.small.onnx")).graph.initializers.find(({ dims }) => dims[1] === 64);
    expect(held && toFloat32(held)).toEqual(row);
  });

  it("adds a target, which is listed, recognized and compressed for", () => {
    const listed = JSON.parse(edgec("targets", "--json")) as { targets: { name: string }[] };
    expect(listed.targets.at(-1)?.name).toBe("riscv64");
    const machine = '{ platform: "linux", arch: "riscv64", model: "K1", features: undefined }';
    expect(evaluated("dist/targets/index.js", `m.detect(${machine})`)).toEqual({
      profile: "riscv64",
      reason: "K1 is 64-bit RISC-V",
    });
    expect(
      evaluated("dist/plan/plan-options.js", 'm.planOptions({ int8: true, target: "riscv64" }).shared'),
    ).toEqual({ saturation: "ignore", floatOperators: ["Sigmoid"] });
    const out = edgec("compress", "model.onnx", "--int8", "--target", "riscv64", "-o", "r.onnx", "--json");
    expect((JSON.parse(out) as Report).target).toMatchObject({ name: "riscv64", weightRange: "full" });
  });
});
