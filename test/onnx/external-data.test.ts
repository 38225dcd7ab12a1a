import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { BadModelError } from "../../src/errors.js";
import { DataType, tensorBytes, type Model, type Tensor } from "../../src/ir/index.js";
import { readModel, writeModel } from "../../src/onnx/index.js";
import { temporaryFolders } from "../support/temporary-folder.js";
import { bytes, int, model, node, shaped } from "../support/wire-bytes.js";

const newFolder = temporaryFolders();
const entry = (key: string, value: string): Buffer => bytes(13, bytes(1, key), bytes(2, value));
const values = (count: number, from = 0): Buffer =>
  Buffer.from(Float32Array.from({ length: count }, (_, k) => from + k).buffer);
const floats = (name: string, count: number): Buffer =>
  bytes(11, bytes(1, name), bytes(2, bytes(1, int(1, 1), bytes(2, bytes(1, int(1, count))))));

/** y = x + a + b, with a at 0 and b at 4096 of w.bin; c is a shared view on a. */
function writeExternal(folder: string, location = "w.bin"): string {
  const constant = (name: string, offset: number): Buffer =>
    bytes(
      5,
      shaped([4], 1),
      bytes(8, name),
      entry("location", location),
      entry("offset", String(offset)),
      entry("length", "16"),
      int(14, 1),
    );
  const output = bytes(12, floats("y", 4).subarray(2));
  const nodes = [
    node("Add", ["x", "a"], ["xa"]),
    node("Add", ["xa", "b"], ["xab"]),
    node("Add", ["xab", "c"], ["y"]),
  ];
  const path = join(folder, "m.onnx");
  writeFileSync(
    path,
    model(
      ...nodes,
      bytes(2, "g"),
      constant("a", 0),
      constant("b", 4096),
      constant("c", 0),
      floats("x", 4),
      output,
    ),
  );
  writeFileSync(join(folder, "w.bin"), Buffer.concat([values(4), Buffer.alloc(4080), values(4, 10)]));
  return path;
}

function constants(read: Model): Record<string, number[]> {
  return Object.fromEntries(
    read.graph.initializers.map((t) => [
      t.name ?? "",
      [...new Float32Array(new Uint8Array(tensorBytes(t)).buffer)],
    ]),
  );
}

/** Loads the one constant of a model made of a data file's entries. */
function load(folder: string, ...entries: readonly Buffer[]): Uint8Array {
  const path = join(folder, "one.onnx");
  writeFileSync(
    path,
    model(node("Relu", ["w"], ["y"]), bytes(5, shaped([4], 1), bytes(8, "w"), ...entries, int(14, 1))),
  );
  return tensorBytes(readModel(path).graph.initializers[0] ?? { dims: [], dataType: DataType.FLOAT });
}

const all = { a: [0, 1, 2, 3], b: [10, 11, 12, 13], c: [0, 1, 2, 3] };

it("loads only the bytes of one tensor, when they are needed", () => {
  const path = writeExternal(newFolder());
  const read = readModel(path);
  expect(read.graph.initializers[1]?.external).toMatchObject({ location: "w.bin", offset: 4096, length: 16 });
  expect(constants(read)).toEqual(all);
});

it("uses the length from the shape, and offset 0, if they are left out", () => {
  const folder = newFolder();
  writeFileSync(join(folder, "w.bin"), values(9));
  expect(load(folder, entry("location", "w.bin"))).toEqual(new Uint8Array(values(4)));
});

it("refuses data files that are missing, short, not files, or outside the folder", () => {
  const folder = newFolder();
  mkdirSync(join(folder, "model"));
  writeFileSync(join(folder, "secret"), values(4));
  symlinkSync("../secret", join(folder, "model/link"));
  symlinkSync("..", join(folder, "model/way"));
  execFileSync("mkfifo", [join(folder, "model/pipe")]);
  const inside =
    (location: string, ...rest: readonly Buffer[]): (() => unknown) =>
    () =>
      load(join(folder, "model"), entry("location", location), ...rest);
  for (const location of ["link", "way/secret", "../secret", join(folder, "secret")])
    expect(inside(location)).toThrow(
      /tensor "w"( of .*one\.onnx)? names the data file ".*", which is not inside the model's folder/,
    );
  expect(inside("none.bin")).toThrow(
    /tensor "w" of .*one\.onnx keeps its values in the data file "none.bin", which is missing. Put it beside the model./,
  );
  expect(inside("pipe")).toThrow(/"pipe", which is not a file/);
  writeFileSync(join(folder, "model/w.bin"), values(3));
  expect(inside("w.bin")).toThrow(
    /tensor "w" of .*one\.onnx needs bytes 0 to 16 of "w.bin", which has only 12/,
  );
  expect(inside("w.bin", entry("offset", "8"), entry("length", "8"))).toThrow(
    /8 to 16 of "w.bin", which has only 12/,
  );
  expect(inside("w.bin", entry("offset", "4"), entry("length", "8"))).toThrow(
    /holds 8 bytes where 16 are needed/,
  );
  expect(inside("w.bin", entry("length", "9007199254740991"))).toThrow(BadModelError);
});

it("follows a link that stays in the folder", () => {
  const folder = newFolder();
  writeFileSync(join(folder, "blob"), values(4));
  symlinkSync("blob", join(folder, "w.bin"));
  expect(load(folder, entry("location", "w.bin"))).toEqual(new Uint8Array(values(4)));
});

it("says that a model read from bytes has no folder", () => {
  const path = writeExternal(newFolder());
  const [a] = readModel(readFileSync(path)).graph.initializers;
  expect(() => a && tensorBytes(a)).toThrow(
    /tensor "a" keeps its values in "w.bin", but the model was read from bytes. Read it from its path/,
  );
});

it("leaves external data unchanged if the model stays in its folder", () => {
  const folder = newFolder();
  const path = writeExternal(folder);
  const copy = join(folder, "copy.onnx");
  expect(writeModel(readModel(path), copy)).toEqual({
    path: copy,
    bytes: readFileSync(path).byteLength,
    dataBytes: 0,
  });
  expect(readFileSync(copy).equals(readFileSync(path))).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(["copy.onnx", "m.onnx", "w.bin"]);
});

it(
  "carries external data to another folder, aligned as it was, shared bytes once, and " +
    "onnxruntime runs it",
  async () => {
    const path = writeExternal(newFolder());
    const folder = newFolder();
    const copy = join(folder, "copy.onnx");
    const result = writeModel(readModel(path), copy);
    expect(result).toMatchObject({ dataPath: join(folder, "copy.onnx.data"), dataBytes: 4096 + 16 });
    expect(
      readFileSync(join(folder, "copy.onnx.data")).equals(
        Buffer.concat([values(4), Buffer.alloc(4080), values(4, 10)]),
      ),
    ).toBe(true);
    const read = readModel(copy);
    expect(constants(read)).toEqual(all);
    expect(read.graph.initializers.map((t) => t.external?.offset)).toEqual([0, 4096, 0]);
    const session = await ort.InferenceSession.create(copy, { intraOpNumThreads: 1 });
    const { y } = await session.run({ x: new ort.Tensor("float32", Float32Array.of(100, 0, 0, 0), [4]) });
    await session.release();
    expect(y?.data).toEqual(Float32Array.of(110, 13, 16, 19));
  },
);

it("moves external data into the model and out again on request", () => {
  const folder = newFolder();
  const read = readModel(writeExternal(folder));
  const inside = join(newFolder(), "in.onnx");
  expect(writeModel(read, inside, { externalData: false })).not.toHaveProperty("dataPath");
  const whole = readModel(inside);
  expect(
    whole.graph.initializers.every(
      (t) => t.raw && !t.external && !t.externalData && t.dataLocation === undefined,
    ),
  ).toBe(true);
  expect(constants(whole)).toEqual(all);
  const outside = join(newFolder(), "out.onnx");
  expect(writeModel(whole, outside, { externalData: true }).dataBytes).toBe(0);
  expect(writeModel(whole, outside, { externalData: { minBytes: 16 } }).dataBytes).toBe(64 + 64 + 16);
  expect(constants(readModel(outside))).toEqual(all);
});

it("never overwrites a data file that it reads from", () => {
  const folder = newFolder();
  writeExternal(folder, "m.onnx.data");
  writeFileSync(join(folder, "m.onnx.data"), readFileSync(join(folder, "w.bin")));
  const read = readModel(join(folder, "m.onnx"));
  const added: Tensor = { name: "d", dims: [4], dataType: DataType.FLOAT, raw: new Uint8Array(16) };
  read.graph.initializers.push(added);
  const { dataPath } = writeModel(read, join(folder, "m.onnx"), { externalData: { minBytes: 1 } });
  expect(dataPath).toBe(join(folder, "m.onnx-1.data"));
  expect(constants(readModel(join(folder, "m.onnx")))).toEqual({ ...all, d: [0, 0, 0, 0] });
  expect(constants(read)).toMatchObject(all);
});

it("never overwrites a data file with the model", () => {
  for (const location of ["w.bin", "o.onnx"])
    for (const externalData of [true, false]) {
      const folder = newFolder();
      const read = readModel(writeExternal(folder, location));
      writeFileSync(join(folder, location), Buffer.concat([values(4), Buffer.alloc(4080), values(4, 10)]));
      symlinkSync(location, join(folder, "link.onnx"));
      for (const name of [location, "link.onnx"])
        expect(() => writeModel(read, join(folder, name), { externalData })).toThrow(
          /cannot write ".*": it contains weights of the model. Choose another name./,
        );
      expect(constants(read)).toEqual(all);
    }
});

it("drops the old location of a tensor that got its own values", () => {
  const read = readModel(writeExternal(newFolder()));
  for (const tensor of read.graph.initializers) tensor.raw = new Uint8Array(16);
  const path = join(newFolder(), "m.onnx");
  writeModel(read, path);
  expect(existsSync(`${path}.data`)).toBe(false);
  expect(readModel(path).graph.initializers.map((t) => [t.external, t.externalData, t.dataLocation])).toEqual(
    Array(3).fill([undefined, undefined, undefined]),
  );
});

it("moves weights out automatically if they do not fit in a protobuf file", () => {
  const read = readModel(writeExternal(newFolder()));
  for (const tensor of read.graph.initializers) tensor.raw = new Uint8Array(16);
  read.graph.initializers.push({
    name: "d",
    dims: [2048],
    dataType: DataType.FLOAT,
    raw: new Uint8Array(8192),
  });
  const path = join(newFolder(), "m.onnx");
  expect(writeModel(read, path, { maxInlineBytes: 8240 })).not.toHaveProperty("dataPath");
  expect(writeModel(read, path, { maxInlineBytes: 8239 })).toMatchObject({
    dataPath: `${path}.data`,
    dataBytes: 8192,
  });
  // Asked to stay inside, they stay.
  expect(writeModel(read, path, { maxInlineBytes: 8239, externalData: false })).not.toHaveProperty(
    "dataPath",
  );
});

it("joins weights of many files in one, and aligns large ones to pages", () => {
  const folder = newFolder();
  const place = (name: string, length: number): Tensor => ({
    name,
    dims: [length / 4],
    dataType: DataType.FLOAT,
    dataLocation: 1,
    externalData: [{ key: "location", value: `${name}.bin` }],
  });
  const tensors = [place("a", 100), place("b", 65_536), place("c", 100)];
  for (const { name = "", dims } of tensors)
    writeFileSync(join(folder, `${name}.bin`), values(dims[0] ?? 0, name.charCodeAt(0)));
  const many: Model = { ...readModel(writeExternal(newFolder())) };
  many.graph = { ...many.graph, nodes: [], outputs: [], initializers: tensors };
  writeModel(many, join(folder, "many.onnx"));
  const path = join(newFolder(), "one.onnx");
  writeModel(readModel(join(folder, "many.onnx")), path);
  const read = readModel(path);
  expect(
    read.graph.initializers.map((t) => [t.external?.location, t.external?.offset, t.external?.length]),
  ).toEqual([
    ["one.onnx.data", 0, 100],
    ["one.onnx.data", 4096, 65_536],
    ["one.onnx.data", 69_632, 100],
  ]);
  expect(Object.values(constants(read)).map(([first]) => first)).toEqual([97, 98, 99]);
});
