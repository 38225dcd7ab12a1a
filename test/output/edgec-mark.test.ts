import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  compress,
  floatTensor,
  makeNode,
  optimize,
  readModel,
  writeModel,
  type Model,
} from "../../src/index.js";
import { isMarkedModel, markModel } from "../../src/output/edgec-mark.js";
import { VERSION } from "../../src/version.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { matMulModel } from "../support/mat-mul-model.js";

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);
const MARK = { key: "edgec.version", value: VERSION };

/** A model with a node that exact passes remove. */
function wasteful(): Model {
  const model = matMulModel();
  model.metadata = [{ key: "author", value: "somebody" }];
  model.graph.nodes = [
    makeNode("Identity", ["x"], ["same"]),
    makeNode("MatMul", ["same", "w"], ["y"], [], "dense/MatMul"),
  ];
  model.graph.initializers = [floatTensor("w", [2, 2], Float32Array.of(1, 2, 3, 4))];
  return model;
}

it("is added once to a model that passes changed, beside its own metadata", async () => {
  writeModel(wasteful(), inFolder("m.onnx"));
  await optimize(inFolder("m.onnx"), { output: inFolder("a.onnx"), verify: false });
  expect(readModel(inFolder("a.onnx")).metadata).toEqual([{ key: "author", value: "somebody" }, MARK]);
  await optimize(inFolder("a.onnx"), { output: inFolder("b.onnx"), verify: false });
  expect(readFileSync(inFolder("b.onnx")).equals(readFileSync(inFolder("a.onnx")))).toBe(true);
});

it("is part of the bytes that the library returns", async () => {
  writeFileSync(inFolder("a.onnx"), (await compress(wasteful(), { verify: false })).bytes());
  expect(isMarkedModel(inFolder("a.onnx"))).toBe(true);
});

it("replaces the mark of an earlier version", () => {
  const model = {
    ...matMulModel(),
    metadata: [
      { key: "edgec.version", value: "0.0.1" },
      { key: "b", value: "c" },
    ],
  };
  markModel(model);
  expect(model.metadata).toEqual([MARK, { key: "b", value: "c" }]);
});

it("is not added to a model that nothing changes, whose bytes are kept", async () => {
  writeModel(matMulModel(), inFolder("m.onnx"));
  await optimize(inFolder("m.onnx"), { output: inFolder("a.onnx"), verify: false });
  expect(readFileSync(inFolder("a.onnx")).equals(readFileSync(inFolder("m.onnx")))).toBe(true);
  // It may still be replaced: it holds nothing to lose.
  await optimize(inFolder("m.onnx"), { output: inFolder("a.onnx"), verify: false });
});

it("is not found in other files", () => {
  writeFileSync(inFolder("t.onnx"), "edgec.version");
  for (const name of ["t.onnx", "missing.onnx"]) expect(isMarkedModel(inFolder(name))).toBe(false);
});
