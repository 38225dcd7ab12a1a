/**
 * Models that benches make: wide layers, in which pruning has equations to solve for seconds, and bare
 * ones.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyGraph } from "../build/ir/index.js";
import { DataType, floatTensor, makeNode, tensorValue, writeModel } from "../build/index.js";
import { mulberry32 } from "../build/numeric/mulberry32.js";

const ROWS = 16;
const SAMPLES = 64;

/** Writes a model of `layers` square layers and its data into a folder. */
export function writeDense(folder, width, layers = 3) {
  const files = { model: join(folder, `dense${width}.onnx`), calib: join(folder, `dense${width}.npy`) };
  const random = mulberry32(1);
  const noise = (count, scale) => Float32Array.from({ length: count }, () => (random() - 0.5) * scale);
  const nodes = Array.from({ length: layers }, (_, k) => [
    makeNode("MatMul", [k === 0 ? "x" : `r${k - 1}`, `w${k}`], [`m${k}`], [], `dense${k}`),
    makeNode("Relu", [`m${k}`], [k === layers - 1 ? "y" : `r${k}`], [], `relu${k}`),
  ]).flat();
  // Of about unit gain for each layer.
  const weights = nodes.flatMap(({ inputs: [, name] }) =>
    name === undefined
      ? []
      : [floatTensor(name, [width, width], noise(width * width, Math.sqrt(24 / width)))],
  );
  const value = (name) => tensorValue(name, DataType.FLOAT, [1, ROWS, width]);
  writeModel(
    modelOf({ nodes, initializers: weights, inputs: [value("x")], outputs: [value("y")] }),
    files.model,
  );
  writeFileSync(files.calib, npyBytes([SAMPLES, ROWS, width], noise(SAMPLES * ROWS * width, 2)));
  return files;
}

/** A model around parts of a graph, as far as they are given. */
export function modelOf(graph, more = {}) {
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: { ...emptyGraph("g"), ...graph },
    ...more,
  };
}

/** NumPy's file format, version 1.0. */
export function npyBytes(shape, values) {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const padded = `${head.padEnd(Math.ceil((head.length + 11) / 64) * 64 - 11)}\n`;
  const prefix = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, padded.length & 0xff, padded.length >> 8]);
  return Buffer.concat([prefix, Buffer.from(padded), Buffer.from(values.buffer)]);
}
