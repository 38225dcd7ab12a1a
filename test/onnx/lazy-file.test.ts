import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  integerTensor,
  makeNode,
  tensorBytes,
  type Model,
  type Tensor,
} from "../../src/ir/index.js";
import { encodeModelBytes, readModel, ScratchFile, writeModel } from "../../src/onnx/index.js";
import { temporaryFolders } from "../support/temporary-folder.js";

const newFolder = temporaryFolders();
const count = (from: number, length: number): Float32Array =>
  Float32Array.from({ length }, (_, k) => from + k);
const long = floatTensor("long", [100], count(0, 100));
const short = floatTensor("short", [2], count(7, 2));

/** A weight, a short constant, and a weight in a Constant node within a body. */
function modelWith(...initializers: Tensor[]): Model {
  const body = {
    ...emptyGraph("body"),
    nodes: [
      makeNode(
        "Constant",
        [],
        ["c"],
        [attribute.tensor("value", floatTensor("inner", [80], count(500, 80)))],
      ),
    ],
    outputs: [{ name: "c" }],
  };
  const nodes = [
    makeNode(
      "If",
      ["flag"],
      ["y"],
      [attribute.graph("then_branch", body), attribute.graph("else_branch", body)],
    ),
  ];
  const graph = {
    ...emptyGraph("g"),
    nodes,
    initializers,
    inputs: [{ name: "flag" }],
    outputs: [{ name: "y" }],
  };
  return {
    irVersion: 8n,
    opsetImports: [{ version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

function written(model: Model): string {
  const path = join(newFolder(), "m.onnx");
  writeModel(model, path);
  return path;
}

it("leaves long tensors of a large file on disk, and short ones in memory", () => {
  const [first, second] = readModel(written(modelWith(long, short)), { lazyFrom: 256 }).graph.initializers;
  expect(first).toMatchObject({ name: "long", dims: [100], lazy: { length: 400 } });
  expect(first).not.toHaveProperty("raw");
  expect(second).not.toHaveProperty("lazy");
  expect(first && new Float32Array(new Uint8Array(tensorBytes(first)).buffer)).toEqual(count(0, 100));
});

it("gives the same bytes as a file that is read completely, tensors in bodies included", () => {
  const path = written(modelWith(long, short));
  const lazy = readModel(path, { lazyFrom: 100 });
  expect(lazy.graph.nodes[0]?.attributes[0]?.g?.nodes[0]?.attributes[0]?.t?.lazy?.length).toBe(320);
  expect(Buffer.compare(encodeModelBytes(lazy), encodeModelBytes(readModel(path)))).toBe(0);
});

it("says that a file was changed after it was read", () => {
  const path = written(modelWith(long));
  const [tensor] = readModel(path, { lazyFrom: 256 }).graph.initializers;
  renameSync(written(modelWith(floatTensor("other", [100], count(1, 100)))), path);
  expect(() => tensor && tensorBytes(tensor)).toThrow(/m\.onnx" changed after it was read\. Read it again/);
});

it("refuses a damaged large file with the same message as a small one", () => {
  const path = written(modelWith(long));
  writeFileSync(path, encodeModelBytes(modelWith(long)).subarray(0, -10));
  const message = (lazyFrom: number): string => {
    try {
      return `read: ${readModel(path, { lazyFrom }).graph.nodes.length}`;
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(message(64)).toMatch(/starts a field that does not fit in its message/);
  expect(message(64)).toBe(message(Infinity));
});

it("puts new tensors into a scratch file when memory for them is used up", () => {
  const scratch = new ScratchFile(join(newFolder(), "scratch"), { inMemory: 500, minBytes: 100 });
  const codes = integerTensor("codes", [150], DataType.INT8, new Int8Array(150).fill(-3));
  expect(scratch.keep(long)).toBe(long);
  expect(scratch.keep(short)).toBe(short);
  const kept = scratch.keep(codes);
  expect(kept).toMatchObject({ name: "codes", dims: [150], lazy: { length: 150 } });
  expect(kept.raw).toBeUndefined();
  expect(Buffer.compare(encodeModelBytes(modelWith(kept)), encodeModelBytes(modelWith(codes)))).toBe(0);
  scratch.close();
  expect(() => tensorBytes(kept)).toThrow(/the temporary file of a tensor was removed/);
});

it("moves tensors from the disk to a data file like those in memory", () => {
  const path = join(newFolder(), "out.onnx");
  const { dataBytes } = writeModel(readModel(written(modelWith(long, short)), { lazyFrom: 256 }), path, {
    externalData: { minBytes: 100 },
  });
  expect(dataBytes).toBe(400);
  const [moved] = readModel(path).graph.initializers;
  expect(moved?.external).toMatchObject({ location: "out.onnx.data", offset: 0, length: 400 });
  expect(moved && tensorBytes(moved)).toEqual(long.raw);
});
