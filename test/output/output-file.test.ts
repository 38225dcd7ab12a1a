import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { OutputFile } from "../../src/output/output-file.js";
import { defaultOutputPath } from "../../src/output/output-place.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const temporary = temporaryFolder();
beforeEach(() => writeFile(join(temporary.path, "model.onnx"), "original"));
const inFolder = (name: string): string => join(temporary.path, name);

describe("defaultOutputPath", () => {
  it("lies beside the input", () => {
    expect(defaultOutputPath(join("a", "model.onnx"))).toBe(join("a", "model.edgec.onnx"));
    expect(defaultOutputPath("model")).toBe("model.edgec.onnx");
  });
});

describe("OutputFile", () => {
  it("is renamed only on commit and leaves nothing else behind", async () => {
    const files = await OutputFile.prepare({
      output: inFolder("out.onnx"),
      input: inFolder("model.onnx"),
      force: false,
    });
    const path = await files.path("planned");
    await writeFile(path, "small");
    await writeFile(`${path}.data`, "weights");
    await files.commit(path);
    await files.remove();
    expect((await readdir(temporary.path)).sort()).toEqual(["model.onnx", "out.onnx", "out.onnx.data"]);
    expect(await readFile(inFolder("out.onnx"), "utf8")).toBe("small");
  });

  it("leaves nothing behind when it is not committed", async () => {
    const files = await OutputFile.prepare({ output: inFolder("out.onnx"), input: undefined, force: false });
    await writeFile(await files.path("planned"), "half");
    await files.remove();
    expect(await readdir(temporary.path)).toEqual(["model.onnx"]);
  });

  it("refuses a folder that does not exist", async () => {
    await expect(
      OutputFile.prepare({ output: join(temporary.path, "no", "out.onnx"), input: undefined, force: false }),
    ).rejects.toMatchObject({ code: "CANNOT_WRITE" });
  });

  it("refuses a folder as the file", async () => {
    await expect(
      OutputFile.prepare({ output: temporary.path, input: undefined, force: false }),
    ).rejects.toThrow("it is a folder");
  });

  it("refuses an empty name, before any work", async () => {
    for (const output of ["", join(temporary.path, "new/")]) {
      await expect(OutputFile.prepare({ output, input: undefined, force: false })).rejects.toMatchObject({
        code: "CANNOT_WRITE",
        message: `cannot write "${output}": the name is empty. Give a file name with "output".`,
      });
    }
  });

  it("overwrites the input only with force", async () => {
    const target = { output: inFolder("model.onnx"), input: join(temporary.path, ".", "model.onnx") };
    await expect(OutputFile.prepare({ ...target, force: false })).rejects.toMatchObject({
      code: "OUTPUT_EXISTS",
    });
    await (await OutputFile.prepare({ ...target, force: true })).remove();
  });
});
