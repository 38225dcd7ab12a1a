import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { BadModelError } from "../../src/errors.js";
import { assertValid, printModel } from "../../src/ir/index.js";
import { decodeModel, readModel } from "../../src/onnx/index.js";
import { bytes, int, varint } from "../support/wire-bytes.js";

const folder = fileURLToPath(new URL("../../fixtures/hostile/", import.meta.url));

/** What the reader, or else the validator, says of each file; every message begins with the path. */
const MESSAGES: Readonly<Record<string, RegExp>> = {
  "archive.onnx": /is a zip archive/,
  "bare-graph.onnx": /has no graph/,
  "cut-off-in-tag.onnx": /byte 3 of 3 .* truncated or damaged/,
  "cut-off.onnx":
    /of 166482 starts a field that does not fit in its message\. The file is truncated or damaged/,
  "cycle.onnx": /2 nodes form a cycle, .*: "[ab]" \(Relu\), "[ab]" \(Relu\)/,
  "deep-graphs.onnx": /nests messages more than 100 levels deep/,
  "deep-groups.onnx": /nests messages more than 100 levels deep/,
  "empty.onnx": /is empty/,
  "endless-varint.onnx": /invalid varint/,
  "external-absolute.onnx":
    /tensor "w" names the data file "\/etc\/passwd", which is not inside the model's folder/,
  "external-huge-length.onnx": /tensor "w" has an external-data length of "1000000000000000000000000000000"/,
  "external-negative-offset.onnx":
    /tensor "w" has an external-data offset of "-8", which is not a byte count/,
  "external-no-location.onnx": /tensor "w" is marked external but names no file/,
  "external-nul.onnx": /tensor "w" names the data file/,
  "external-parent.onnx": /"data\/..\/..\/..\/secret", which is not inside/,
  "external-windows.onnx": /"C:\\secret", which is not inside/,
  "field-zero.onnx": /illegal tag/,
  "huge-dims.onnx": /tensor "w" has more elements than can be addressed/,
  "lfs-pointer.onnx": /is a Git LFS pointer, not the model\. Run `git lfs pull`/,
  "lying-inner-length.onnx": /a field that does not fit in its message/,
  "lying-length.onnx": /a field that does not fit in its message/,
  "made-twice.onnx": /output "y" of node "y" has a name that is already in use/,
  "negative-dims.onnx": /tensor "w" has an invalid dimension -1/,
  "no-graph.onnx": /has no graph/,
  "no-opset.onnx": /no version is imported for the operator set "ai.onnx"/,
  "odd-float-data.onnx": /tensor "w": its float values are damaged/,
  "overflowing-dim.onnx": /tensor "w" has a dimension of 9223372036854775807/,
  "page.onnx": /is a web page/,
  "prose.onnx": /is a text file/,
  "random.onnx": /is not a readable ONNX model/,
  "raw-strings.onnx": /holds strings as raw bytes/,
  "short-raw-data.onnx": /tensor "w" \(float \[1000\]\) holds 8 bytes where 4000 are needed/,
  "short-strings.onnx": /tensor "w" \(string \[3\]\) holds 1 values where 3 are needed/,
  "text-onnx.onnx": /is an ONNX model in text form/,
  "text-proto-graph-first.onnx": /is an ONNX model in text form/,
  "text-proto.onnx": /is an ONNX model in text form/,
  "tflite.onnx": /is a TensorFlow Lite model/,
  "undefined-input.onnx": /node "y" \(Relu\) uses "missing" before it is defined/,
  "unknown-data-type.onnx": /tensor "w" \(undefined \[2\]\) has no element type/,
  "zeros.onnx": /illegal tag/,
};

const files = readdirSync(folder).filter((file) => file.endsWith(".onnx"));

it("has an expectation for every hostile file", () => {
  expect(files.sort()).toEqual(Object.keys(MESSAGES).sort());
});

it.each(files)("refuses %s and says why", (file) => {
  const open = (): void => {
    const model = readModel(folder + file);
    printModel(model);
    assertValid(model, `"${folder}${file}"`);
  };
  expect(open).toThrow(BadModelError);
  expect(open).toThrow(MESSAGES[file]);
  expect(open).toThrow(folder + file);
});

describe("truncated files", () => {
  const lenet = readFileSync(new URL("../../fixtures/models/lenet.onnx", import.meta.url));

  it("refuses a model that is truncated at any of its first bytes, or near its end", () => {
    for (let length = 0; length < 300; length++)
      expect(() => decodeModel(lenet.subarray(0, length)), `${length} bytes`).toThrow(BadModelError);
  });
});

describe("bounded memory", () => {
  it("refuses millions of empty nodes in a few megabytes", () => {
    const nodes = Buffer.alloc(5_000_000);
    for (let at = 0; at < nodes.length; at += 2) nodes[at] = 0x0a;
    expect(() => decodeModel(Buffer.concat([int(1, 8), bytes(7, nodes)]))).toThrow(
      /5000007 bytes describe more than 2208333 parts/,
    );
  });

  it("keeps a list of a million one-byte values encoded until it is read", () => {
    const list = Buffer.alloc(1_000_000, 1);
    const tensor = bytes(5, int(1, list.length), int(2, 6), bytes(5, list), bytes(8, "w"));
    const model = decodeModel(Buffer.concat([int(1, 8), bytes(7, tensor), bytes(8, int(2, 17))]));
    expect(Object.getOwnPropertyDescriptor(model.graph.initializers[0]?.typed, "int32")).not.toHaveProperty(
      "value",
    );
    expect(() => assertValid(model, "model")).not.toThrow();
  });

  it("does not allocate memory for a false length", () => {
    expect(() => decodeModel(Buffer.concat([int(1, 8), varint((7 << 3) | 2), varint(2 ** 31 - 1)]))).toThrow(
      BadModelError,
    );
  });
});
