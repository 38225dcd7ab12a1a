/** The estimate of what loading takes, by where weights lie and how wide they are. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { DataType, floatTensor, makeNode, tensorValue, type Model } from "../../../src/ir/index.js";
import { readModel, writeModel } from "../../../src/onnx/index.js";
import { loadBytes } from "../../../src/passes/encode/load-bytes.js";
import { tinyModel } from "./tiny-models.js";

const folder = mkdtempSync(join(tmpdir(), "edgec-load-bytes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SIDE = 256;
const model = (): Model =>
  tinyModel(17, {
    inputs: [tensorValue("x", DataType.FLOAT, [1, SIDE])],
    outputs: [tensorValue("y", DataType.FLOAT, [1, SIDE])],
    nodes: [makeNode("MatMul", ["x", "w"], ["y"])],
    initializers: [floatTensor("w", [SIDE, SIDE], new Float32Array(SIDE * SIDE))],
  });

it("counts weights in an external file about once, and those in the model's file with a copy of half", () => {
  const bytesIn = (name: string, externalData: boolean): number => {
    const path = join(folder, name);
    writeModel(model(), path, { externalData });
    return loadBytes(readModel(path));
  };
  const weights = 4 * SIDE * SIDE;
  expect(bytesIn("inline.onnx", false)).toBeCloseTo(1.5 * weights);
  expect(bytesIn("external.onnx", true)).toBeCloseTo(1.05 * weights);
});
