import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compress, definePass, readModel, type Model, type Report } from "../../src/index.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { writeFewSamples } from "../support/few-samples.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const LENET = fixture("models/lenet.onnx");
const CALIB = fixture("digits/digits-rgb32-calib.npz");
const EVAL = fixture("digits/digits-rgb32-eval.npz");
const NO_RUNTIME = { NODE_OPTIONS: `--import ${new URL("../cli/no-runtime.mjs", import.meta.url).href}` };

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);

describe("edgec compress", () => {
  it("quantizes, checks against labels, and prints nothing but JSON with --json", async () => {
    const { code, stdout } = await edgec([
      "compress",
      LENET,
      "--int8",
      "--calib",
      CALIB,
      "--eval",
      EVAL,
      "--max-drop",
      "0.005",
      "-o",
      inFolder("small.onnx"),
      "--json",
    ]);
    const report = JSON.parse(stdout) as Report;
    expect(report.verdict).toMatchObject({ ok: true });
    expect(code).toBe(0);
    expect(report.size.original.raw).toBe((await readFile(LENET)).byteLength);
    expect(report.size.compressed.raw).toBe((await readFile(inFolder("small.onnx"))).byteLength);
    expect(report.size.ratio).toBeGreaterThan(3.2);
    expect(report.accuracy).toMatchObject({ metric: "top-1", samples: 1000 });
    expect(report.accuracy?.original).toBeCloseTo(98.5, 1);
    expect(report.accuracy?.drop).toBeLessThanOrEqual(0.5);
    expect(report.fidelity?.outputs.logits?.sqnrDb).toBeGreaterThan(30);
    expect(report.latency?.threads).toBe(1);
    expect(await readdir(temporary.path)).toEqual(["small.onnx"]);
  });

  it("writes the model and exits 1 when a gate fails", async () => {
    const { code, stdout, stderr } = await edgec([
      "compress",
      LENET,
      "--storage",
      "int8",
      "--min-sqnr",
      "200",
      "-o",
      inFolder("small.onnx"),
      "--quiet",
    ]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^failed: .*200/m);
    expect(await readdir(temporary.path)).toEqual(["small.onnx"]);
  });

  it("writes beside the model by default", async () => {
    await writeFile(inFolder("digits.onnx"), await readFile(LENET));
    expect((await edgec(["compress", inFolder("digits.onnx"), "--quiet"])).code).toBe(0);
    expect((await readdir(temporary.path)).sort()).toEqual(["digits.edgec.onnx", "digits.onnx"]);
  });

  it("writes the report as JSON or Markdown", async () => {
    const reports = ["r.json", "r.md"].flatMap((name) => ["--report", inFolder(name)]);
    await edgec(["compress", LENET, "-o", inFolder("out.onnx"), ...reports, "--quiet"]);
    expect((JSON.parse(await readFile(inFolder("r.json"), "utf8")) as Report).schemaVersion).toBe(1);
    expect(await readFile(inFolder("r.md"), "utf8")).toContain("| size |");
  });

  it("works without onnxruntime where no data is needed, and says what is missing", async () => {
    const { code, stdout } = await edgec(
      ["compress", LENET, "--storage", "int8", "-o", inFolder("small.onnx"), "--json"],
      { env: NO_RUNTIME },
    );
    const report = JSON.parse(stdout) as Report;
    expect(code).toBe(0);
    expect(report).toMatchObject({ fidelity: null, accuracy: null, latency: null, executed: null });
    expect(report.warnings.map((warning) => warning.message).join()).toContain("onnxruntime");
    expect(report.size.ratio).toBeGreaterThan(3.5);
  });

  it("names the runtime that is missing where data is needed", async () => {
    const { code, stderr } = await edgec(
      ["compress", LENET, "--int8", "--calib", CALIB, "-o", inFolder("small.onnx")],
      { env: NO_RUNTIME },
    );
    expect(code).toBe(2);
    expect(stderr).toContain("npm install onnxruntime-node");
    expect(await readdir(temporary.path)).toEqual([]);
  });
});

describe("compress", () => {
  it("gives the same bytes for the same options", async () => {
    writeFewSamples(inFolder("few.npz"));
    const run = async () =>
      (await compress(LENET, { int8: true, calib: inFolder("few.npz"), seed: 3, verify: false })).bytes();
    expect(Buffer.compare(await run(), await run())).toBe(0);
  });

  it("takes bytes and gives bytes when there is no output to write", async () => {
    const result = await compress(await readFile(LENET), { storage: "int8" });
    expect(result.path).toBeUndefined();
    expect(readModel(result.bytes()).graph.outputs[0]?.name).toBe("logits");
    expect(result.report.fidelity?.source).toBe("random inputs (seed 0)");
  });

  it("leaves a model that was handed over as it was", async () => {
    const model = readModel(LENET);
    const names = model.graph.initializers.map((tensor) => tensor.name);
    await compress(model, { storage: "int8", verify: false });
    expect(model.graph.initializers.map((tensor) => tensor.name)).toEqual(names);
  });

  it("with safe: false writes nothing when a pass makes what the runtime has no operator for", async () => {
    const breaks = definePass({
      name: "break",
      description: "",
      lossy: true,
      defaults: {},
      run: ({ graph }: Model) => {
        graph.nodes[0]!.opType = "NoSuchOperator";
        return { modified: true, stats: {}, nodes: [], diagnostics: [] };
      },
    });
    const failure = compress(LENET, { passes: [breaks()], safe: false, output: inFolder("out.onnx") });
    await expect(failure).rejects.toMatchObject({
      code: "PASS_FAILED",
      message: expect.stringContaining("NoSuchOperator") as string,
    });
    expect(await readdir(temporary.path)).toEqual([]);
  });

  it(
    "with safe: false writes nothing when a pass leaves an invalid model, and else " + "leaves the pass out",
    async () => {
      const dangles = definePass({
        name: "dangle",
        description: "",
        lossy: true,
        defaults: {},
        run: ({ graph }: Model) => {
          graph.nodes[0]!.inputs[0] = "missing";
          return { modified: true, stats: {}, nodes: [], diagnostics: [] };
        },
      });
      await expect(
        compress(LENET, { passes: [dangles()], safe: false, output: inFolder("out.onnx") }),
      ).rejects.toMatchObject({ code: "PASS_FAILED" });
      expect(await readdir(temporary.path)).toEqual([]);
      const { report } = await compress(LENET, { passes: [dangles()], output: inFolder("out.onnx") });
      expect(report.warnings).toContainEqual(
        expect.objectContaining({ id: "compress/pass-left-out", subject: "dangle" }),
      );
      expect(Buffer.compare(await readFile(inFolder("out.onnx")), await readFile(LENET))).toBe(0);
    },
  );
});
