/**
 * Models that the project does not ship, as torch's two exporters and the onnx package have them: how
 * `edgec compress
 * --int8` fares on each, and onnxruntime's quantizer beside it. Needs Python with torch, torchvision, onnx
 * and onnxruntime. EDGEC_ZOO is the folder that keeps the models (default: in that for temporary files),
 * EDGEC_ZOO_ONLY a pattern of names, EDGEC_ZOO_EFFORT what --effort takes.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { opsetVersion, readModel } from "../build/index.js";
import { hasPeer, peerQuantize, PYTHON } from "./peers.mjs";
import { decibels, printTable, times } from "./table.mjs";

const FOLDER = process.env.EDGEC_ZOO ?? join(tmpdir(), "edgec-zoo");
const ONLY = new RegExp(process.env.EDGEC_ZOO_ONLY ?? "");
const EFFORT = process.env.EDGEC_ZOO_EFFORT ?? "balanced";
/** The search of "best" alone may take 90 s, twice where int8 is then stored only. */
const TIMEOUT_MS = EFFORT === "best" ? 600_000 : 300_000;
/**
 * What an int8 model of any use reaches; the project's own are at 37 dB and more. Deep networks of random
 * weights blow up any error: with their inputs alone rounded to 8 bits and all else in float, MNASNet keeps
 * 11 dB, ShuffleNet 14, RegNet 18, GoogLeNet and EfficientNet 20, MobileNetV3 22.
 */
const LEAST_SQNR_DB = 15;
const EDGEC = fileURLToPath(new URL("../bin/edgec.js", import.meta.url));
const MAKER = fileURLToPath(new URL("./zoo.py", import.meta.url));

export default async function zoo() {
  const rows = [];
  for (const { name, exporter, failure } of made()) {
    if (failure !== undefined)
      rows.push([name, "-", exporter, "", "", "", `not exported: ${failure}`, "", "", "", ""]);
    else rows.push(row(name, exporter));
    console.error(rows.at(-1).join("  "));
  }
  printTable(
    `int8 with --effort ${EFFORT} on models from elsewhere (status: findings are ` +
      `failures, less than ${LEAST_SQNR_DB} dB, and slower than the original)`,
    [
      "model",
      "opset",
      "exporter",
      "size",
      "SQNR",
      "speed",
      "status",
      "peer's size",
      "SQNR",
      "speed",
      "status",
    ],
    rows,
  );
}

/** Exports what is not there yet: [{ name, exporter, failure }]. */
function made() {
  mkdirSync(FOLDER, { recursive: true });
  const wanted = listed()
    .filter(({ name }) => ONLY.test(name))
    .map(({ name }) => name);
  return exported(wanted);
}

const listed = () => exported(["--list"]);

function exported(names) {
  const text = execFileSync(PYTHON, [MAKER, FOLDER, ...names], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1 << 26,
  });
  // Exporters print to the same stream.
  return text
    .split("\n")
    .filter((line) => line.startsWith('{"name"'))
    .map((line) => JSON.parse(line));
}

function row(name, exporter) {
  const file = (suffix) => join(FOLDER, `${name}${suffix}`);
  const [model, calib, evaluation] = [file(".onnx"), file(".npz"), file(".eval.npz")];
  const ours = edgec(
    "compress",
    model,
    "--int8",
    "--effort",
    EFFORT,
    "--calib",
    calib,
    "--eval",
    evaluation,
    "-o",
    file(".edgec"),
    "--force",
  );
  if (ours.report) writeFileSync(file(".report.json"), JSON.stringify(ours.report, null, 1));
  return [
    name,
    opsetVersion(readModel(model)),
    exporter,
    ...figures(ours),
    ...figures(peer(model, calib, evaluation, file(".peer"))),
  ];
}

function peer(model, calib, evaluation, output) {
  if (!hasPeer()) return { failure: "not installed" };
  const failure = peerQuantize("static", model, calib, output, TIMEOUT_MS);
  return failure === undefined ? edgec("verify", model, output, "--eval", evaluation) : { failure };
}

/** Runs the command line as users do: { report } or { failure }. */
function edgec(...args) {
  const run = spawnSync(process.execPath, [EDGEC, ...args, "--json"], {
    encoding: "utf8",
    timeout: TIMEOUT_MS,
    maxBuffer: 1 << 28,
  });
  if (run.error)
    return {
      failure: run.error.code === "ETIMEDOUT" ? `not done in ${TIMEOUT_MS / 1000} s` : run.error.message,
    };
  if (run.status === 0) return { report: JSON.parse(run.stdout) };
  return { failure: `exit ${run.status ?? run.signal}: ${run.stderr.trim().split("\n")[0]?.slice(0, 160)}` };
}

/** Size, SQNR, speed, status. */
function figures({ report, failure }) {
  if (failure !== undefined) return ["-", "-", "-", failure];
  const { size, fidelity, latency, warnings } = report;
  const outputs = Object.values(fidelity?.outputs ?? {});
  const open = outputs.some(({ otherSize }) => otherSize > 0);
  const sqnr = outputs.reduce((least, { sqnrDb }) => Math.min(least, sqnrDb ?? Infinity), Infinity);
  const findings = [
    ...(fidelity ? [] : ["not compared"]),
    ...(sqnr < LEAST_SQNR_DB ? ["low SQNR"] : []),
    ...(open ? ["other number of results"] : []),
    ...(latency && latency.speedupRange[1] < 1 ? ["slower"] : []),
    ...warnings.filter(({ id }) => /left-out|fall|slower|skipped/.test(id)).map(({ id }) => id),
  ];
  return [
    times(size.ratio),
    outputs.length === 0 ? "-" : decibels(Number.isFinite(sqnr) ? sqnr : null),
    times(latency?.speedup),
    findings.join(", ") || "ok",
  ];
}
