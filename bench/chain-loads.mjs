/**
 * What decoding chains take to load, in units of what one node of the model takes: the constants of
 * src/passes/encode/many-chains.ts. Models of many layers whose constants have all different shapes, with a chain for
 * each or for none, each loaded in a process of its own. Processor time in one thread, the least of three loads.
 *
 *   npm run bench -- chain-loads    about five minutes
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DataType, floatTensor, makeNode, tensorValue, writeModel } from "../build/index.js";
import { mulberry32 } from "../build/numeric/mulberry32.js";
import { encodeWeights } from "../build/passes/encode/encode-weights.js";
import { measureLoad } from "../build/verify/index.js";
import { OUT } from "./fixtures.mjs";
import { modelOf } from "./made-models.mjs";
import { printTable } from "./table.mjs";

const FOLDER = join(OUT, `chain-loads-${process.pid}`);
const COUNTS = [100, 1000, 3000];
const REPEATS = 3;
/** Bytes of the constants of the model that shows what a byte takes. */
const LARGE = 128 * 2 ** 20;

const times = (n, make) => Array.from({ length: n }, (_, k) => make(k));

/** `n` dense layers of random widths, with weights of which 70 % are zeros. Biases are too small for chains. */
function model(n, width = (random) => 8 + Math.floor(random() * 56)) {
  const random = mulberry32(1);
  const widths = times(n + 1, () => width(random));
  const values = (count) => Float32Array.from({ length: count }, () => (random() < 0.7 ? 0 : random() - 0.5));
  const value = (name, size) => tensorValue(name, DataType.FLOAT, [1, size]);
  return modelOf({
    inputs: [value("y0", widths[0])],
    outputs: [value(`y${n}`, widths[n])],
    nodes: times(n, (k) => [
      makeNode("MatMul", [`y${k}`, `w${k}`], [`m${k}`]),
      makeNode("Add", [`m${k}`, `b${k}`], [`a${k}`]),
      makeNode("Tanh", [`a${k}`], [`y${k + 1}`]),
    ]).flat(),
    initializers: times(n, (k) => [
      floatTensor(`w${k}`, [widths[k], widths[k + 1]], values(widths[k] * widths[k + 1])),
      floatTensor(`b${k}`, [widths[k + 1]], new Float32Array(widths[k + 1]).fill(0.1)),
    ]).flat(),
  });
}

export default async function chainLoads() {
  mkdirSync(FOLDER, { recursive: true });
  try {
    const rows = [];
    for (const count of COUNTS) rows.push(await loadsOf(count));
    const [few, some, many] = rows;
    const node = (many.dense - few.dense) / (many.nodes - few.nodes);
    // Of one chain: a share by itself, and one for each node that the model then has.
    const own = ({ chained, dense, chains }) => (chained - dense) / chains;
    const perNode = (own(many) - own(some)) / (many.after - some.after);
    const perChain = own(some) - perNode * some.after;
    printTable(
      "ms of loading, by layers",
      ["layers", "nodes", "dense", "chains", "with chains"],
      rows.map(({ count, nodes, dense, chains, chained }) => [
        count,
        nodes,
        dense.toFixed(0),
        chains,
        chained.toFixed(0),
      ]),
    );
    const ratio = (ms) => (ms / node).toPrecision(3);
    printTable(
      `in nodes, of which one takes ${(1000 * node).toFixed(0)} µs`,
      ["a byte of constants", "a chain", "a chain, for each node", "nodes of a chain"],
      [
        [
          ratio(await byteMs()),
          ratio(perChain),
          ratio(perNode),
          ((many.after - many.nodes) / many.chains).toFixed(1),
        ],
      ],
    );
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

async function loadsOf(count) {
  const [path, output] = ["dense", "chains"].map((name) => join(FOLDER, `${name}${count}.onnx`));
  writeModel(model(count), path);
  const encoded = model(count);
  await encodeWeights({ storage: "smallest" }).run(encoded, {
    statistics: undefined,
    evaluator: undefined,
    seed: 0,
  });
  writeModel(encoded, output);
  const { graph, functions } = encoded;
  const calls = graph.nodes.filter(({ domain }) => domain);
  const inside = new Map(functions.map(({ name, nodes }) => [name, nodes.length]));
  // onnxruntime puts the nodes of a function in the place of its calls.
  const after = graph.nodes.reduce((sum, { domain, opType }) => sum + (domain ? inside.get(opType) : 1), 0);
  const [dense, chained] = [await load(path), await load(output)];
  return { count, nodes: 3 * count, dense, chains: calls.length, chained, after };
}

async function byteMs() {
  const [small, large] = [join(FOLDER, "small.onnx"), join(FOLDER, "large.onnx")];
  writeModel(model(8), small);
  writeModel(
    model(8, () => Math.sqrt(LARGE / 32)),
    large,
  );
  return ((await load(large)) - (await load(small))) / LARGE;
}

async function load(path) {
  const found = [];
  for (let k = 0; k < REPEATS; k++) found.push((await measureLoad(path, path)).ms);
  return Math.min(...found);
}
