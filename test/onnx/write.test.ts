import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EdgecError } from "../../src/errors.js";
import { DataType, emptyGraph, floatTensor, type Model, type Tensor } from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes, readModel, writeModel } from "../../src/onnx/index.js";
import { temporaryFolders } from "../support/temporary-folder.js";

const newFolder = temporaryFolders();

function modelOf(...initializers: Tensor[]): Model {
  return {
    irVersion: 8n,
    opsetImports: [{ version: 17n }],
    graph: { ...emptyGraph("g"), initializers },
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

const weight = floatTensor("w", [5000], new Float32Array(5000));

it("writes the encoded model, and returns its size", () => {
  const path = join(newFolder(), "m.onnx");
  const result = writeModel(modelOf(weight), path);
  expect(readFileSync(path).equals(encodeModelBytes(modelOf(weight)))).toBe(true);
  expect(result).toEqual({ path, bytes: readFileSync(path).byteLength, dataBytes: 0 });
});

it("writes the same bytes when not durable, also with external weights", () => {
  const [lasting, passing] = [newFolder(), newFolder()];
  writeModel(modelOf(weight), join(lasting, "m.onnx"), { externalData: true });
  writeModel(modelOf(weight), join(passing, "m.onnx"), { externalData: true, durable: false });
  expect(readdirSync(passing)).toEqual(["m.onnx", "m.onnx.data"]);
  for (const name of readdirSync(passing))
    expect(readFileSync(join(passing, name)).equals(readFileSync(join(lasting, name)))).toBe(true);
});

it("writes over the file that the model was read from", () => {
  const path = join(newFolder(), "m.onnx");
  writeModel(modelOf(weight), path);
  const before = readFileSync(path);
  writeModel(readModel(path), path);
  expect(readFileSync(path).equals(before)).toBe(true);
});

it("keeps the old file unchanged, and leaves nothing else, when writing fails half-way", () => {
  const folder = newFolder();
  const path = join(folder, "m.onnx");
  writeFileSync(path, "old");
  const lost: Tensor = {
    name: "lost",
    dims: [2],
    dataType: DataType.FLOAT,
    external: {
      location: "lost.bin",
      offset: 0,
      length: 8,
      load: () => {
        throw new EdgecError("BAD_MODEL", "lost.bin is gone");
      },
    },
  };
  expect(() => writeModel(modelOf(weight, lost), path, { externalData: true })).toThrow("lost.bin is gone");
  expect(readdirSync(folder)).toEqual(["m.onnx"]);
  expect(readFileSync(path, "utf8")).toBe("old");
});

it("says why it cannot write", () => {
  const folder = newFolder();
  const refusal = (message: RegExp): unknown =>
    expect.objectContaining({ code: "CANNOT_WRITE", message: expect.stringMatching(message) as unknown });
  expect(() => writeModel(modelOf(), join(folder, "none/m.onnx"))).toThrow(
    refusal(/m\.onnx": the folder ".*none" does not exist\. Create it first/),
  );
  expect(() => writeModel(modelOf(), folder)).toThrow(refusal(/it is a folder\. Give a file name/));
  expect(() => writeModel(modelOf(), join(folder, "m".repeat(300)))).toThrow(refusal(/the name is too long/));
  mkdirSync(join(folder, "locked"));
  chmodSync(join(folder, "locked"), 0o500);
  // The superuser may write anywhere.
  if (process.getuid?.() !== 0)
    expect(() => writeModel(modelOf(), join(folder, "locked/m.onnx"))).toThrow(refusal(/permission denied/));
});

it("reports a full disk, and removes the unfinished file", () => {
  const folder = newFolder();
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
    syscall: "write",
  });
  const tensor: Tensor = {
    name: "w",
    dims: [2],
    dataType: DataType.FLOAT,
    external: {
      location: "w.bin",
      offset: 0,
      length: 8,
      load: () => {
        throw full;
      },
    },
  };
  expect(() => writeModel(modelOf(tensor), join(folder, "m.onnx"))).toThrow(
    /m\.onnx": no space left on the disk/,
  );
  expect(readdirSync(folder)).toEqual([]);
});

it("refuses more than a protobuf file can hold, and says what to do", () => {
  const folder = newFolder();
  // Many views on one buffer: large on the disk, small in memory.
  const raw = new Uint8Array(2 ** 28);
  const tensors = Array.from({ length: 8 }, (_, k): Tensor => ({
    name: `w${k}`,
    dims: [raw.byteLength],
    dataType: DataType.UINT8,
    raw,
  }));
  expect(() => writeModel(modelOf(...tensors), join(folder, "m.onnx"), { externalData: false })).toThrow(
    /protobuf files are limited to 2 GiB\. Store weights outside with externalData/,
  );
  expect(readdirSync(folder)).toEqual([]);
});

it("writes deterministically", () => {
  expect(
    Buffer.compare(
      encodeModelBytes(decodeModel(encodeModelBytes(modelOf(weight)))),
      encodeModelBytes(modelOf(weight)),
    ),
  ).toBe(0);
});
