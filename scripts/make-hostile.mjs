/**
 * Writes fixtures/hostile: files that are no sound ONNX model, each malformed in one way, and a README that
 * says how. The same seed gives the same files. Run: node scripts/make-hostile.mjs
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SEED = 20_240_601;
const folder = fileURLToPath(new URL("../fixtures/hostile/", import.meta.url));
const lenet = readFileSync(new URL("../fixtures/models/lenet.onnx", import.meta.url));

/** Numbers below `below` from a seed (Lehmer, 48271 mod 2^31 - 1). */
function seeded(seed) {
  let state = seed;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}
const random = seeded(SEED);

// The wire format, by hand: the reader must not be tested with its own writer.
const varint = (value) => {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
};
const int = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, ...parts) => {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
};
const dimension = (size) => bytes(1, int(1, size));
const floatType = (...dims) => bytes(1, int(1, 1), bytes(2, ...dims.map(dimension)));
const value = (field, name, ...dims) => bytes(field, bytes(1, name), bytes(2, floatType(...dims)));
const node = (op, inputs, outputs, ...attributes) =>
  bytes(
    1,
    ...inputs.map((i) => bytes(1, i)),
    ...outputs.map((o) => bytes(2, o)),
    bytes(4, op),
    ...attributes,
  );
const model = (...graph) =>
  Buffer.concat([int(1, 8), bytes(7, ...graph), bytes(8, bytes(1, ""), int(2, 17))]);
const around = (...constants) =>
  model(node("Relu", ["x"], ["y"]), bytes(2, "g"), ...constants, value(11, "x", 2), value(12, "y", 2));
const tensor = (name, dims, type, ...rest) =>
  bytes(5, ...dims.map((d) => int(1, d)), int(2, type), bytes(8, name), ...rest);
const entry = (key, text) => bytes(13, bytes(1, key), bytes(2, text));
const external = (...entries) => tensor("w", [2], 1, ...entries, int(14, 1));

/** If nested in If, `depth` deep: graph -> node -> attribute -> graph takes three levels each. */
function nested(depth) {
  let graph = Buffer.concat([node("Relu", ["x"], ["z"]), bytes(2, "innermost")]);
  for (let k = 0; k < depth; k++)
    graph = Buffer.concat([
      node("If", ["c"], [`y${k}`], bytes(5, bytes(1, "then_branch"), bytes(6, graph), int(20, 5))),
      bytes(2, "g"),
    ]);
  return model(graph);
}

const cases = {
  // Files of another kind.
  "empty.onnx": ["nothing at all", Buffer.alloc(0)],
  "zeros.onnx": ["4 KB of zero bytes, as an interrupted download leaves", Buffer.alloc(4096)],
  "random.onnx": ["4 KB of random bytes", Buffer.from(Array.from({ length: 4096 }, () => random(256)))],
  "text-proto.onnx": [
    "a model in protobuf's text form",
    Buffer.from('ir_version: 8\ngraph {\n  node { input: "x" output: "y" op_type: "Relu" }\n}\n'),
  ],
  "text-proto-graph-first.onnx": [
    "the same with another field first",
    Buffer.from('producer_name: "x"\ngraph {\n  node { op_type: "Relu" }\n}\n'),
  ],
  "text-onnx.onnx": [
    "a model in ONNX's own text form",
    Buffer.from('<ir_version: 8, opset_import: ["" : 17]>\ng (float[2] x) => (float[2] y) { y = Relu(x) }\n'),
  ],
  "prose.onnx": ["a plain text", Buffer.from("This is not a model.\n")],
  "page.onnx": [
    "a web page, as a failed download leaves",
    Buffer.from("<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n"),
  ],
  "archive.onnx": [
    "the beginning of a zip archive (a PyTorch checkpoint)",
    Buffer.from("PK\u0003\u0004\u0014\u0000\u0000\u0000archive/data.pkl", "latin1"),
  ],
  "lfs-pointer.onnx": [
    "a Git LFS pointer",
    Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 97889632\n"),
  ],
  "tflite.onnx": [
    "the beginning of a TensorFlow Lite file",
    Buffer.from("\u001c\u0000\u0000\u0000TFL3\u0014\u0000\u0020\u0000", "latin1"),
  ],
  // Bytes that are no message.
  "cut-off.onnx": [
    "lenet.onnx without its last third",
    lenet.subarray(0, Math.floor((lenet.length * 2) / 3)),
  ],
  "cut-off-in-tag.onnx": ["a model that ends inside a tag", Buffer.concat([int(1, 8), Buffer.from([0xba])])],
  "lying-length.onnx": [
    "a graph that says it is 2 GiB long",
    Buffer.concat([int(1, 8), varint((7 << 3) | 2), varint(2 ** 31 - 1), Buffer.from("short")]),
  ],
  "lying-inner-length.onnx": [
    "a node that says it is longer than its graph",
    Buffer.concat([int(1, 8), bytes(7, Buffer.from([0x0a, 0x7f, 0x0a, 0x01])), bytes(8, int(2, 17))]),
  ],
  "endless-varint.onnx": [
    "a number that never ends",
    Buffer.concat([Buffer.from([0x08]), Buffer.alloc(64, 0xff)]),
  ],
  "field-zero.onnx": ["a field of number 0", Buffer.concat([int(1, 8), Buffer.from([0x02, 0x01, 0x00])])],
  "deep-graphs.onnx": ["If in If, 2,000 deep", nested(2000)],
  "deep-groups.onnx": [
    "100,000 groups opened, none closed",
    Buffer.concat([int(1, 8), Buffer.alloc(100_000, 0x7b)]),
  ],
  // Messages that are no model.
  "no-graph.onnx": [
    "a model without a graph",
    Buffer.concat([int(1, 8), bytes(2, "nobody"), bytes(8, int(2, 17))]),
  ],
  "bare-graph.onnx": [
    "a graph that is not in a model",
    Buffer.concat([node("Relu", ["x"], ["y"]), bytes(2, "g"), value(11, "x", 2), value(12, "y", 2)]),
  ],
  // Models that must not be trusted.
  "huge-dims.onnx": [
    "an initializer of 2^40 x 2^40 floats in no bytes",
    around(tensor("w", [2 ** 40, 2 ** 40], 1)),
  ],
  "overflowing-dim.onnx": [
    "an initializer with a dimension of 2^63 - 1",
    around(tensor("w", [2n ** 63n - 1n], 1)),
  ],
  "negative-dims.onnx": [
    "an initializer of -1 x 2 floats",
    around(tensor("w", [-1, 2], 1, bytes(9, Buffer.alloc(8)))),
  ],
  "short-raw-data.onnx": [
    "an initializer of 1,000 floats in 8 bytes",
    around(tensor("w", [1000], 1, bytes(9, Buffer.alloc(8)))),
  ],
  "odd-float-data.onnx": ["float_data of 5 bytes", around(tensor("w", [1], 1, bytes(4, Buffer.alloc(5))))],
  "short-strings.onnx": [
    "a string tensor of 3 elements that holds one",
    around(tensor("w", [3], 8, bytes(6, "one"))),
  ],
  "raw-strings.onnx": ["a string tensor in raw_data", around(tensor("w", [1], 8, bytes(9, "text")))],
  "unknown-data-type.onnx": [
    "an initializer of the data type 0",
    around(tensor("w", [2], 0, bytes(9, Buffer.alloc(8)))),
  ],
  "external-absolute.onnx": [
    "external data in /etc/passwd",
    around(external(entry("location", "/etc/passwd"))),
  ],
  "external-parent.onnx": [
    "external data in ../../secret",
    around(external(entry("location", "data/../../../secret"))),
  ],
  "external-windows.onnx": ["external data in C:\\secret", around(external(entry("location", "C:\\secret")))],
  "external-nul.onnx": [
    "external data in a name with a zero byte",
    around(external(entry("location", "w.bin\0.txt"))),
  ],
  "external-no-location.onnx": ["external data in no file", around(external(entry("offset", "0")))],
  "external-negative-offset.onnx": [
    "external data at offset -8",
    around(external(entry("location", "w.bin"), entry("offset", "-8"))),
  ],
  "external-huge-length.onnx": [
    "external data of 10^30 bytes",
    around(external(entry("location", "w.bin"), entry("length", `1${"0".repeat(30)}`))),
  ],
  "undefined-input.onnx": [
    "a node that uses a value nobody makes",
    model(node("Relu", ["missing"], ["y"]), bytes(2, "g"), value(12, "y", 2)),
  ],
  "cycle.onnx": [
    "two nodes that use each other",
    model(node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"]), bytes(2, "g"), value(12, "b", 2)),
  ],
  "made-twice.onnx": [
    "a value that two nodes make",
    model(
      node("Relu", ["x"], ["y"]),
      node("Abs", ["x"], ["y"]),
      bytes(2, "g"),
      value(11, "x", 2),
      value(12, "y", 2),
    ),
  ],
  "no-opset.onnx": [
    "a model that imports no operator set",
    Buffer.concat([
      int(1, 8),
      bytes(7, node("Relu", ["x"], ["y"]), bytes(2, "g"), value(11, "x", 2), value(12, "y", 2)),
    ]),
  ],
};

mkdirSync(folder, { recursive: true });
for (const [name, [, content]] of Object.entries(cases))
  writeFileSync(new URL(name, `file://${folder}`), content);
const rows = Object.entries(cases).map(([name, [what]]) => `| ${name} | ${what} |`);
writeFileSync(
  `${folder}README.md`,
  `# Hostile files

Files that must give a clear error, never a crash, a hang or much memory. Made by \`node scripts/make-hostile.mjs\`
(seed ${SEED}) from nothing but lenet.onnx; no licence but the project's own applies.

| File | What it is |
| --- | --- |
${rows.join("\n")}
`,
);
