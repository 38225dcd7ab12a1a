/** A folder of files as a user may have them: one for every option that reads one, and some that no run is told of. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { DataType, tensorValue } from "../../src/ir/index.js";
import { encodeModelBytes, writeModel } from "../../src/onnx/index.js";
import { npyBytes, npzBytes } from "../data/npy-bytes.js";
import { bytes, int } from "../onnx/wire-bytes.js";
import { matMulModel } from "../pipeline/tiny-model.js";

export const SAMPLES = 12;

export interface UserFiles {
  readonly folder: string;
  readonly model: string;
  /** The file that the model's weights lie in. */
  readonly weights: string;
  readonly calib: string;
  readonly eval: string;
  readonly labels: string;
  readonly metric: string;
  readonly target: string;
  /** A folder of test_data_set_N, and a tensor in it. */
  readonly sets: string;
  readonly member: string;
  /** Of no run, and not written by edgec. */
  readonly bystanders: readonly string[];
}

/** A model of one MatMul with 16 × 16 weights in a file of their own, and data for it. @param weights the name of that file */
export function makeUserFiles(folder: string, weights = "weights.bin"): UserFiles {
  const at = (name: string): string => join(folder, name);
  const size = 16;
  const model = matMulModel();
  const w = new Uint8Array(Float32Array.from({ length: size * size }, (_, k) => Math.sin(k)).buffer);
  const entries = Object.entries({ location: weights, offset: "0", length: String(w.length) }).map(([key, value]) => ({
    key,
    value,
  }));
  model.graph.initializers = [
    { name: "w", dims: [size, size], dataType: DataType.FLOAT, dataLocation: 1, externalData: entries },
  ];
  model.graph.inputs = [tensorValue("x", DataType.FLOAT, [1, size])];
  model.graph.outputs = [tensorValue("y", DataType.FLOAT, [1, size])];
  writeFileSync(at("m.onnx"), encodeModelBytes(model));
  writeFileSync(at(weights), w);
  const values = Float32Array.from({ length: SAMPLES * size }, (_, k) => Math.cos(k));
  for (const name of ["calib.npz", "eval.npz"])
    writeFileSync(at(name), npzBytes({ x: npyBytes("<f4", [SAMPLES, size], values) }));
  writeFileSync(at("labels.npy"), npyBytes("<i8", [SAMPLES], new BigInt64Array(SAMPLES)));
  writeFileSync(at("metric.mjs"), "export default (samples) => samples.length;\n");
  writeFileSync(at("target.json"), '{ "extends": "generic" }\n');
  mkdirSync(at("sets/test_data_set_0"), { recursive: true });
  const tensor = Buffer.concat([
    int(1, 1),
    int(1, size),
    int(2, 1),
    bytes(8, "x"),
    bytes(9, Buffer.from(values.buffer, 0, 4 * size)),
  ]);
  writeFileSync(at("sets/test_data_set_0/input_0.pb"), tensor);
  writeModel(matMulModel(), at("other.onnx"));
  writeFileSync(at("other.data"), "weights of something else");
  writeFileSync(at("notes.md"), "# Notes\n");
  writeFileSync(at("settings.json"), '{ "edgec": true }\n');
  return {
    folder,
    model: at("m.onnx"),
    weights: at(weights),
    calib: at("calib.npz"),
    eval: at("eval.npz"),
    labels: at("labels.npy"),
    metric: at("metric.mjs"),
    target: at("target.json"),
    sets: at("sets"),
    member: at("sets/test_data_set_0/input_0.pb"),
    bystanders: ["other.onnx", "other.data", "notes.md", "settings.json"].map(at),
  };
}

/** Names and bytes of all files below a folder. */
export function contents(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) found[relative(folder, path)] = readFileSync(path, "latin1");
  }
  return found;
}
