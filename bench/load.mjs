/**
 * What loading a file takes: time of the processor and peak memory, each file in a process of its own.
 *
 *   node bench/load.mjs model.onnx model.pruned.onnx …
 *
 * Prints a line per file: bytes, CPU ms, peak MB beyond the runtime, and what edgec estimates.
 */
import { statSync } from "node:fs";
import { readModel } from "../build/onnx/index.js";
import { loadBytes } from "../build/passes/encode/load-bytes.js";
import { measureLoad } from "../build/verify/index.js";

const mb = (bytes) => (bytes / 2 ** 20).toFixed(0).padStart(6);

console.log(" file MB  CPU ms  peak MB  estimate  file");
for (const path of process.argv.slice(2)) {
  const { ms, peakBytes } = await measureLoad(path, path);
  const estimate = loadBytes(readModel(path));
  console.log(
    `${mb(statSync(path).size)} ${ms.toFixed(0).padStart(8)} ${mb(peakBytes)}   ${mb(estimate)}    ${path}`,
  );
}
