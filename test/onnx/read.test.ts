import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { intAttribute, tensorBytes } from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes, readModel } from "../../src/onnx/index.js";
import { bytes, float, int, model, node, shaped, varint } from "../support/wire-bytes.js";

it("gives tensors as views on the file, in plain arrays whose slice() copies", () => {
  const file = model(bytes(5, shaped([2], 1), bytes(8, "w"), bytes(9, Buffer.alloc(8, 7))));
  const raw = decodeModel(file).graph.initializers[0]?.raw;
  expect(raw?.buffer).toBe(file.buffer);
  expect(raw?.constructor).toBe(Uint8Array);
  expect(raw).toEqual(new Uint8Array(8).fill(7));
});

it("reads 64-bit integers exactly", () => {
  const values = [
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 53n + 1n,
    -1n,
    0n,
    127n,
    128n,
    2n ** 49n - 1n,
    2n ** 49n,
  ];
  const file = model(
    node("A", [], ["y"], bytes(5, bytes(1, "k"), ...values.map((value) => int(8, value)), int(20, 7))),
  );
  const read = decodeModel(file);
  expect(read.graph.nodes[0]?.attributes[0]?.ints).toEqual(values);
  expect(Buffer.compare(encodeModelBytes(read), file)).toBe(0);
});

it("distinguishes absent from empty and zero", () => {
  const absent = decodeModel(model(node("A", ["x"], ["y"]))).graph.nodes[0];
  expect(absent).toEqual({ opType: "A", inputs: ["x"], outputs: ["y"], attributes: [] });
  const given = model(node("A", ["x"], ["y"], bytes(6, ""), bytes(7, "")));
  expect(decodeModel(given).graph.nodes[0]).toMatchObject({ docString: "", domain: "" });
  expect(Buffer.compare(encodeModelBytes(decodeModel(given)), given)).toBe(0);
});

it("keeps unknown fields, enum values and data types", () => {
  const unknown = (seed: string): Buffer => bytes(200, `from the future: ${seed}`);
  const file = Buffer.concat([
    int(1, 99),
    bytes(
      7,
      node("A", [], ["y"], bytes(5, bytes(1, "k"), int(20, 77), unknown("attribute")), unknown("node")),
      bytes(
        5,
        shaped([3], 99),
        bytes(9, "abc"),
        int(14, 9),
        bytes(16, bytes(1, "k"), unknown("entry")),
        unknown("tensor"),
      ),
      bytes(11, bytes(1, "x"), bytes(2, bytes(99, "a type from the future")), unknown("value")),
      unknown("graph"),
    ),
    bytes(8, int(2, 17), unknown("opset")),
    bytes(25, bytes(1, "f"), unknown("function")),
    int(201, 5),
    unknown("model"),
  ]);
  expect(Buffer.compare(encodeModelBytes(decodeModel(file)), file)).toBe(0);
});

it("keeps text that is not UTF-8, byte for byte", () => {
  const odd = Buffer.from([0x63, 0x61, 0x66, 0xe9, 0xff, 0x21]);
  const file = model(
    node("A", [], ["y"], bytes(6, odd)),
    bytes(2, "\ufffd is in the file"),
    bytes(10, "\ufeffgrün 日本 😀"),
  );
  const read = decodeModel(file);
  expect(read.graph.nodes[0]?.docString).toBe("caf\udce9\udcff!");
  expect(read.graph).toMatchObject({ name: "\ufffd is in the file", docString: "\ufeffgrün 日本 😀" });
  expect(Buffer.compare(encodeModelBytes(read), file)).toBe(0);
});

it("decodes typed lists on first use, packed or not", () => {
  const file = model(
    bytes(5, shaped([3], 6), bytes(5, varint(5), varint(-1), varint(300)), bytes(8, "packed")),
    bytes(5, shaped([2], 1), bytes(8, "single"), float(4, 1.5), float(4, -2)),
    bytes(5, shaped([2], 7), bytes(7, varint(2n ** 62n), varint(-5)), bytes(8, "wide")),
    bytes(5, shaped([2], 8), bytes(6, "a"), bytes(6, ""), bytes(8, "text")),
  );
  const [packed, single, wide, text] = decodeModel(file).graph.initializers;
  expect(packed?.typed).toEqual({ int32: [5, -1, 300] });
  expect(single).toEqual({ name: "single", dims: [2], dataType: 1, typed: { float: [1.5, -2] } });
  expect(wide?.typed).toEqual({ int64: [2n ** 62n, -5n] });
  expect(text?.typed?.string?.map(String)).toEqual(["97", ""]);
  expect(single && tensorBytes(single)).toEqual(new Uint8Array(Float32Array.of(1.5, -2).buffer));
  expect(Buffer.compare(encodeModelBytes(decodeModel(file)), file)).toBe(0);
});

it("reads a size of -1 in a type as unknown", () => {
  const dims = [bytes(1, int(1, -1)), bytes(1, int(1, 3)), bytes(1, bytes(2, "N")), bytes(1)];
  const file = model(bytes(11, bytes(1, "x"), bytes(2, bytes(1, int(1, 1), bytes(2, ...dims)))));
  expect(decodeModel(file).graph.inputs[0]?.type?.tensor).toEqual({
    elementType: 1,
    shape: [undefined, 3, "N", undefined],
  });
});

it("reads an attribute whose zero proto3 left out as zero, not as the operator's default", () => {
  const [concat] = decodeModel(model(node("Concat", [], ["y"], bytes(5, bytes(1, "axis"), int(20, 2))))).graph
    .nodes;
  expect(concat && intAttribute(concat, "axis", 1)).toBe(0);
  expect(concat && intAttribute(concat, "other", 1)).toBe(1);
});

it("says why a path cannot be read", () => {
  const folder = mkdtempSync(join(tmpdir(), "edgec-read-"));
  try {
    expect(() => readModel(join(folder, "none.onnx"))).toThrow(
      expect.objectContaining({
        code: "CANNOT_READ",
        message: expect.stringMatching(/none\.onnx": there is no such file/) as string,
      }),
    );
    expect(() => readModel(folder)).toThrow(/it is a folder\. Give the \.onnx file in it/);
    writeFileSync(join(folder, "m.onnx"), model(node("Relu", ["x"], ["y"])));
    expect(readModel(join(folder, "m.onnx")).path).toBe(join(folder, "m.onnx"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
