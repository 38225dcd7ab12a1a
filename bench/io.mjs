/**
 * Reading and rewriting a 90 MB model against copying its file, in turns; peak memory of a process that
 * does it.
 */
import { copyFileSync, openSync, fsyncSync, closeSync, rmSync, statSync } from "node:fs";
import { readModel, writeModel } from "../build/index.js";
import { OUT } from "./fixtures.mjs";
import { measure } from "./memory.mjs";
import { printTable, times } from "./table.mjs";

const LAYERS = 22;
const WIDTH = 1024;
const RUNS = 9;

export default async function io() {
  const [source, copy, rewritten] = ["large", "copy", "rewritten"].map((name) => `${OUT}/${name}.onnx`);
  writeModel(largeModel(), source);
  const taken = { copy: [], rewrite: [] };
  const time = async (work) => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  for (let run = 0; run < RUNS; run++) {
    taken.copy.push(await time(() => copySynced(source, copy)));
    taken.rewrite.push(await time(async () => writeModel(await readModel(source), rewritten)));
  }
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const script =
    'import { readModel, writeModel } from "./build/index.js"; writeModel(await ' +
    `readModel(${JSON.stringify(source)}), ${JSON.stringify(rewritten)});`;
  const { peakMiB } = await measure(process.execPath, ["--input-type=module", "-e", script]);
  const sizeMiB = statSync(source).size / 2 ** 20;
  printTable(
    "reading and rewriting",
    ["model", "copy", "rewrite", "ratio", "asked", "peak memory", "of the size", "asked"],
    [
      [
        `${sizeMiB.toFixed(0)} MiB`,
        `${median(taken.copy).toFixed(0)} ms`,
        `${median(taken.rewrite).toFixed(0)} ms`,
        times(median(taken.rewrite) / median(taken.copy)),
        "<= 4x",
        `${peakMiB.toFixed(0)} MiB`,
        times(peakMiB / sizeMiB),
        "<= 3x",
      ],
    ],
  );
  for (const path of [source, copy, rewritten]) rmSync(path, { force: true });
}

/** Synced, as the writer's files are: a copy that may be lost is no fair peer. */
function copySynced(from, to) {
  copyFileSync(from, to);
  const file = openSync(to, "r+");
  fsyncSync(file);
  closeSync(file);
}

/** A stack of square matrix products. */
function largeModel() {
  const nodes = [];
  const initializers = [];
  for (let k = 0; k < LAYERS; k++) {
    const raw = new Uint8Array(WIDTH * WIDTH * 4);
    for (let i = 0; i < raw.length; i += 997) raw[i] = i % 251;
    initializers.push({ name: `w${k}`, dims: [WIDTH, WIDTH], dataType: 1, raw });
    nodes.push({
      opType: "MatMul",
      inputs: [k === 0 ? "x" : `h${k - 1}`, `w${k}`],
      outputs: [k === LAYERS - 1 ? "y" : `h${k}`],
      attributes: [],
    });
  }
  const value = (name) => ({ name, type: { tensor: { elementType: 1, shape: ["n", WIDTH] } } });
  const graph = {
    name: "large",
    nodes,
    initializers,
    sparseInitializers: [],
    inputs: [value("x")],
    outputs: [value("y")],
    valueInfo: [],
    quantizationAnnotations: [],
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}
