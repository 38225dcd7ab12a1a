/** onnxruntime's Python quantizer, where it is installed. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const PYTHON = process.env.EDGEC_PYTHON ?? "python3";
const script = fileURLToPath(new URL("./peer.py", import.meta.url));

let installed;
export function hasPeer() {
  installed ??=
    spawnSync(PYTHON, ["-c", "import onnx, onnxruntime.quantization"], { stdio: "ignore" }).status === 0;
  return installed;
}

/** Quantizes with the peer; returns the reason when it fails. */
export function peerQuantize(mode, model, calib, output, timeout) {
  const run = spawnSync(PYTHON, [script, mode, model, calib, output], { encoding: "utf8", timeout });
  if (run.error)
    return run.error.code === "ETIMEDOUT" ? `not done in ${timeout / 1000} s` : run.error.message;
  if (run.status === 0) return undefined;
  return run.stderr.trim().split("\n").at(-1)?.slice(0, 120) ?? "failed";
}
