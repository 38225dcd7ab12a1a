import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { compress, floatTensor, makeNode, optimize, readModel, writeModel, type Model } from "../../src/index.js";
import { isMarkedModel, markModel } from "../../src/pipeline/edgec-mark.js";
import { VERSION } from "../../src/version.js";
import { temporaryFolder } from "../cli/temporary-folder.js";
import { matMulModel } from "./tiny-model.js";

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);
const MARK = { key: "edgec.version", value: VERSION };

/** With a node that exact passes take out. */
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

it("is added once to what passes changed, beside what the file says of itself", async () => {
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

it("takes the place of an earlier version's", () => {
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

it("stays away from a model that nothing changes, whose bytes are kept", async () => {
  writeModel(matMulModel(), inFolder("m.onnx"));
  await optimize(inFolder("m.onnx"), { output: inFolder("a.onnx"), verify: false });
  expect(readFileSync(inFolder("a.onnx")).equals(readFileSync(inFolder("m.onnx")))).toBe(true);
  // Which may be replaced all the same: nothing in it is lost.
  await optimize(inFolder("m.onnx"), { output: inFolder("a.onnx"), verify: false });
});

it("is not seen in other files", () => {
  writeFileSync(inFolder("t.onnx"), "edgec.version");
  for (const name of ["t.onnx", "missing.onnx"]) expect(isMarkedModel(inFolder(name))).toBe(false);
});
