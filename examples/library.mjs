/**
 * Compresses a model from a program: with a gate on accuracy, with progress, and within two minutes.
 * Usage: node examples/library.mjs [folder for the output]
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compress, EdgecError } from "edgec";

const folder = process.argv[2] ?? ".";
const fixture = (path) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

try {
  const { report } = await compress(fixture("models/lenet.onnx"), {
    int8: true,
    calib: fixture("digits/digits-rgb32-calib.npz"),
    eval: fixture("digits/digits-rgb32-eval.npz"),
    maxDrop: 0.01,
    output: join(folder, "lenet.int8.onnx"),
    signal: AbortSignal.timeout(120_000),
  });
  const { size, accuracy, latency, verdict } = report;
  console.log(`${size.ratio.toFixed(1)} times smaller`);
  console.log(`accuracy ${accuracy?.original} → ${accuracy?.compressed}`);
  console.log(`${latency?.speedup.toFixed(1)} times as fast`);
  // A gate that failed does not throw: the model was written all the same.
  if (!verdict.ok) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof EdgecError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 2;
}
