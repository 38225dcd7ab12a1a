/** A model and data that keep every command busy for seconds: wide fully connected layers, built here. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataType, emptyGraph, floatTensor, makeNode, tensorValue, type Model } from "../../src/ir/index.js";
import { writeModel } from "../../src/onnx/index.js";
import { npyBytes, npzBytes } from "../data/npy-bytes.js";

const WIDTH = 512;
const LAYERS = 3;
const SAMPLES = 64;

export interface SlowFiles {
  readonly model: string;
  readonly data: string;
}

/** Writes both into a folder. */
export function writeSlowModel(folder: string): SlowFiles {
  const files = { model: join(folder, "slow.onnx"), data: join(folder, "slow.npz") };
  writeModel(slowModel(), files.model);
  const values = noise(SAMPLES * 16 * WIDTH, 7);
  writeFileSync(files.data, npzBytes({ x: npyBytes("<f4", [SAMPLES, 16, WIDTH], values) }, 0));
  return files;
}

function slowModel(): Model {
  const layers = Array.from({ length: LAYERS }, (_, k) => k);
  const nodes = layers.flatMap((k) => [
    makeNode("MatMul", [k === 0 ? "x" : `r${k - 1}`, `w${k}`], [`m${k}`], [], `dense${k}`),
    makeNode("Relu", [`m${k}`], [k === LAYERS - 1 ? "y" : `r${k}`], [], `relu${k}`),
  ]);
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("slow"),
      inputs: [tensorValue("x", DataType.FLOAT, [1, 16, WIDTH])],
      outputs: [tensorValue("y", DataType.FLOAT, [1, 16, WIDTH])],
      initializers: layers.map((k) => floatTensor(`w${k}`, [WIDTH, WIDTH], noise(WIDTH * WIDTH, k + 1))),
      nodes,
    },
  };
}

/** Uniform values of about unit gain for a layer, the same at every run. */
function noise(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 0.15;
  });
}
