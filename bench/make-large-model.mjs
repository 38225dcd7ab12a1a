/**
 * Makes a transformer-like model of some gigabytes: an embedding, blocks of attention (four matrices) and a
 * feed-forward pair, and a head; float32 weights from a seed, nearly normal, in one external data file,
 * pages aligned. Written as a stream. `node bench/make-large-model.mjs <model.onnx> [blocks]`: 0.4 GB and
 * 0.67 GB for each block (default 4: 3.1 GB).
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { attribute, makeNode, tensorValue, writeModel } from "../build/index.js";

const WIDTH = 4096;
const INNER = 12_288;
const VOCABULARY = 12_288;
const PAGE = 4096;
const CHUNK = 2 ** 20;

const [FLOAT, INT64, EXTERNAL] = [1, 7, 1];

export function makeLargeModel(
  path,
  { blocks = 4, width = WIDTH, inner = INNER, vocabulary = VOCABULARY } = {},
) {
  const location = `${basename(path)}.data`;
  const file = openSync(`${path}.data`, "w");
  const initializers = [];
  const random = gaussian(1);
  let end = 0;
  const weight = (name, dims) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const offset = Math.ceil(end / PAGE) * PAGE;
    end = writeNoise(file, offset, count, random, 1 / Math.sqrt(dims.at(-1)));
    const entries = Object.entries({ location, offset: String(offset), length: String(count * 4) });
    initializers.push({
      name,
      dims,
      dataType: FLOAT,
      externalData: entries.map(([key, value]) => ({ key, value })),
      dataLocation: EXTERNAL,
    });
    return name;
  };
  const nodes = layers(weight, { blocks, width, inner, vocabulary });
  closeSync(file);
  const graph = {
    name: "large",
    nodes,
    initializers,
    sparseInitializers: [],
    valueInfo: [],
    quantizationAnnotations: [],
    inputs: [tensorValue("ids", INT64, ["length"])],
    outputs: [tensorValue("logits", FLOAT, ["length", vocabulary])],
  };
  writeModel(
    {
      irVersion: 8n,
      opsetImports: [{ domain: "", version: 17n }],
      graph,
      functions: [],
      trainingInfo: [],
      deviceConfigurations: [],
    },
    path,
  );
  return {
    bytes: end,
    largestTensor: Math.max(
      ...initializers.map(({ dims }) => dims.reduce((product, dim) => product * dim, 4)),
    ),
  };
}

function layers(weight, { blocks, width, inner, vocabulary }) {
  const nodes = [];
  const op = (type, inputs, output, attributes = []) => {
    nodes.push(makeNode(type, inputs, [output], attributes, output));
    return output;
  };
  let x = op("Gather", [weight("embedding", [vocabulary, width]), "ids"], "x");
  for (let b = 0; b < blocks; b++) {
    const name = (part) => `b${b}_${part}`;
    const matmul = (input, part) =>
      op("MatMul", [input, weight(name(`${part}_w`), [width, width])], name(part));
    const norm = (input, part) =>
      op("LayerNormalization", [input, weight(name(`${part}_scale`), [width])], name(part), [
        attribute.int("axis", -1),
      ]);
    const normal = norm(x, "norm1");
    const [q, k, v] = ["q", "k", "v"].map((part) => matmul(normal, part));
    const scores = op(
      "MatMul",
      [q, op("Transpose", [k], name("kt"), [attribute.ints("perm", [1, 0])])],
      name("scores"),
    );
    const attended = op(
      "MatMul",
      [op("Softmax", [scores], name("attention"), [attribute.int("axis", -1)]), v],
      name("attended"),
    );
    x = op("Add", [x, matmul(attended, "o")], name("x1"));
    const up = op("Gemm", [norm(x, "norm2"), weight(name("up_w"), [inner, width])], name("up"), [
      attribute.int("transB", 1),
    ]);
    const down = op(
      "Gemm",
      [op("Relu", [up], name("relu")), weight(name("down_w"), [width, inner])],
      name("down"),
      [attribute.int("transB", 1)],
    );
    x = op("Add", [x, down], name("x2"));
  }
  op("MatMul", [x, weight("head_w", [width, vocabulary])], "logits");
  return nodes;
}

function writeNoise(file, offset, count, random, deviation) {
  const chunk = new Float32Array(CHUNK);
  let position = offset;
  for (let left = count; left > 0; left -= CHUNK) {
    const part = chunk.subarray(0, Math.min(left, CHUNK));
    for (let i = 0; i < part.length; i++) part[i] = deviation * random();
    position += writeSync(file, part, 0, part.byteLength, position);
  }
  return position;
}

/**
 * Sums of four uniform 16-bit numbers (Irwin–Hall) of a xorshift generator: mean 0, variance 1, within
 * ±3.5.
 */
function gaussian(seed) {
  let [a, b] = [seed | 0, 0x9e3779b9 | 0];
  return () => {
    a ^= a << 13;
    a ^= a >>> 17;
    a ^= a << 5;
    b = (Math.imul(b, 0x5bd1e995) + 0x6d2b79f5) | 0;
    const c = b ^ (b >>> 15);
    return ((a & 0xffff) + (a >>> 16) + (c & 0xffff) + (c >>> 16) - 131070) / 37837;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , path, blocks] = process.argv;
  if (path === undefined) throw new Error("usage: node bench/make-large-model.mjs <model.onnx> [blocks]");
  const { bytes, largestTensor } = makeLargeModel(
    path,
    blocks === undefined ? {} : { blocks: Number(blocks) },
  );
  console.log(
    `${path}: ${(bytes / 1e9).toFixed(2)} GB of weights, the largest tensor ${(largestTensor / 1e6).toFixed(0)} MB`,
  );
}
