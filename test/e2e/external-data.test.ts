import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compress, optimize, readModel, reportText, tensorBytes, writeModel } from "../../src/index.js";
import { fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const LENET = fixture("models/lenet.onnx");

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);
const size = async (name: string): Promise<number> => (await stat(inFolder(name))).size;

/** lenet.onnx with its weights in a file beside it. */
function externalLenet(name = "lenet.onnx"): string {
  writeModel(readModel(LENET), inFolder(name), { externalData: true });
  return inFolder(name);
}

describe("compress with external data", () => {
  it("writes weights beside the model on request, runs it, and counts both files", async () => {
    const { report } = await compress(LENET, { externalData: true, output: inFolder("out.onnx") });
    expect((await readdir(temporary.path)).sort()).toEqual(["out.onnx", "out.onnx.data"]);
    expect(report.size.compressed.raw).toBe((await size("out.onnx")) + (await size("out.onnx.data")));
    expect(report.fidelity?.outputs.logits?.maxAbsError).toBeLessThan(1e-4);
  });

  it("takes weights that came from outside into one file, as no exporter asked whether they are many", async () => {
    const { report } = await compress(externalLenet(), { storage: "int8", output: inFolder("small.onnx") });
    expect((await readdir(temporary.path)).sort()).toEqual(["lenet.onnx", "lenet.onnx.data", "small.onnx"]);
    expect(report.written).toEqual([inFolder("small.onnx")]);
    expect(report.size.compressed.raw).toBe(await size("small.onnx"));
    expect(
      readModel(inFolder("small.onnx")).graph.initializers.every(({ external }) => external === undefined),
    ).toBe(true);
  });

  it("leaves weights outside on request, new ones too, finds them after a move, and names both files", async () => {
    const { report } = await compress(externalLenet(), {
      storage: "int8",
      output: inFolder("small.onnx"),
      externalData: true,
      verify: false,
    });
    expect(report.written).toEqual([inFolder("small.onnx"), inFolder("small.onnx.data")]);
    expect(reportText(report)).toContain(
      `written: ${inFolder("small.onnx")} and ${inFolder("small.onnx.data")}\n`,
    );
    expect(await size("small.onnx.data")).toBeGreaterThan(0.2 * (await size("lenet.onnx.data")));
    expect(await size("small.onnx.data")).toBeLessThan(0.3 * (await size("lenet.onnx.data")));
    const locations = readModel(inFolder("small.onnx")).graph.initializers.flatMap(
      ({ external }) => external?.location ?? [],
    );
    expect(new Set(locations)).toEqual(new Set(["small.onnx.data"]));
  });

  it("takes external weights into the model on request", async () => {
    const { report } = await compress(externalLenet(), {
      externalData: false,
      output: inFolder("one.onnx"),
      verify: false,
    });
    expect((await readdir(temporary.path)).sort()).toEqual(["lenet.onnx", "lenet.onnx.data", "one.onnx"]);
    expect(report.size.compressed.raw).toBe(await size("one.onnx"));
  });

  it("says which data file lies unused after weights were taken into the model", async () => {
    const input = externalLenet();
    const unused = async (output: string, externalData: boolean) =>
      (await compress(input, { externalData, output, force: true, verify: false })).report.warnings.filter(
        ({ id }) => id === "compress/unused-data",
      );
    expect(await unused(inFolder("other.onnx"), false)).toEqual([]);
    expect(await unused(input, true)).toEqual([]);
    expect(await unused(input, false)).toMatchObject([
      { message: expect.stringMatching(/^lenet\.onnx\.data stays next to lenet\.onnx/) as unknown },
    ]);
    expect((await readdir(temporary.path)).sort()).toEqual(["lenet.onnx", "lenet.onnx.data", "other.onnx"]);
  });

  it("is an option of optimize too", async () => {
    await optimize(LENET, { externalData: true, output: inFolder("out.onnx"), verify: false });
    expect((await readdir(temporary.path)).sort()).toEqual(["out.onnx", "out.onnx.data"]);
  });

  it("never takes the place of the input's data file, unless the input itself is to be overwritten", async () => {
    const input = externalLenet("out.onnx");
    const model = readModel(input);
    // A model of another name that keeps its weights in out.onnx.data.
    writeModel(model, inFolder("in.onnx"));
    const before = await readFile(inFolder("out.onnx.data"));
    await expect(compress(inFolder("in.onnx"), { output: input, verify: false })).rejects.toMatchObject({
      code: "OUTPUT_EXISTS",
      message: expect.stringMatching(/out\.onnx\.data holds weights of the model being read/) as unknown,
    });
    expect((await readFile(inFolder("out.onnx.data"))).equals(before)).toBe(true);
    // In one file by default, which leaves the weights to the other model that uses them.
    const { report } = await compress(input, { output: input, force: true, verify: false });
    expect(report.warnings).toContainEqual(expect.objectContaining({ id: "compress/unused-data" }));
    expect((await readFile(inFolder("out.onnx.data"))).equals(before)).toBe(true);
    writeModel(model, input, { externalData: true });
    await compress(input, { output: input, force: true, externalData: true, storage: "int8", verify: false });
    expect(await size("out.onnx.data")).toBeLessThan(0.3 * before.byteLength);
    for (const tensor of readModel(input).graph.initializers) expect(() => tensorBytes(tensor)).not.toThrow();
    expect((await readdir(temporary.path)).sort()).toEqual(["in.onnx", "out.onnx", "out.onnx.data"]);
  });
});
