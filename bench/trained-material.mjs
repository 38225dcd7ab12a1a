/** The trained models and their data, made by trained.py into bench/out/trained. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OUT } from "./fixtures.mjs";
import { PYTHON } from "./peers.mjs";

const FOLDER = `${OUT}/trained`;
const script = (name) => fileURLToPath(new URL(`./${name}.py`, import.meta.url));

/** Makes what is not there yet; says what is left out, and why. */
export function material(only = []) {
  const lines = python("trained", [FOLDER, ...only]).split("\n");
  // Exporters print to the same stream.
  const entries = lines.filter((line) => line.startsWith('{"name"')).map((line) => JSON.parse(line));
  for (const { name, missing, package: from } of entries)
    if (missing !== null) console.log(`${name} is left out: ${missing} (it comes from ${from})`);
  return entries.filter(({ missing }) => missing === null).map(subject);
}

function subject(entry) {
  const at = (suffix) => `${FOLDER}/${entry.name}.${suffix}`;
  const data = (part) => [".npz", ".jsonl"].map((ending) => at(part) + ending).find(existsSync);
  return {
    ...entry,
    model: at("onnx"),
    eval: data("eval"),
    /** The samples that calibrate: for every seed others of the pool. */
    calib(seed) {
      if (data(`calib-${seed}`) === undefined)
        python("trained", [FOLDER, "--split", entry.name, String(seed)]);
      return data(`calib-${seed}`);
    },
    out: at,
  };
}

/** What a compressed model keeps: { [output]: { kind, front, sqnr, agreement } }. */
export function judged({ model, eval: evaluation, kinds }, path) {
  return JSON.parse(python("trained_judge", [model, path, evaluation, JSON.stringify(kinds)]));
}

function python(name, args) {
  const run = spawnSync(PYTHON, [script(name), ...args], { encoding: "utf8", maxBuffer: 1 << 28 });
  if (run.status === 0) return run.stdout;
  const reason = run.error?.message ?? run.stderr.trim().split("\n").at(-1);
  const needs = "Python with onnx, onnxruntime, numpy and pillow, and EDGEC_PYTHON names the interpreter";
  throw new Error(`${name}.py failed: ${reason} (it needs ${needs})`);
}
