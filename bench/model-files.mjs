/** Models on the disk that benches and comparisons run over, and the data beside them. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ARCHIVE = fileURLToPath(new URL("../fixtures/conformance/onnx-node-tests.tar.gz", import.meta.url));

/** The official operator models, unpacked into `folder`: every `n`-th. */
export function operatorModels(folder, n = 1) {
  mkdirSync(folder, { recursive: true });
  execFileSync("tar", ["-xzf", ARCHIVE, "-C", folder]);
  return modelsIn(folder).filter((_, k) => k % n === 0);
}

/** Paths of the .onnx files in a folder and those below, in order. */
export function modelsIn(folder) {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".onnx"))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

/** Calibration data of a model: <name>.npz or calib.npz beside it; undefined where there is none. */
export function dataBeside(path) {
  return [path.replace(/onnx$/, "npz"), join(dirname(path), "calib.npz")].find((file) => existsSync(file));
}
