/**
 * How long int8 takes, and the memory of the process and its children together, against onnxruntime's
 * quantizer: a residual network of 25 MB on 100 images. Needs Python with torch; all use every processor.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OUT } from "./fixtures.mjs";
import { measure } from "./memory.mjs";
import { PYTHON } from "./peers.mjs";
import { printTable } from "./table.mjs";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const FOLDER = `${OUT}/int8-time`;
const MODEL = `${FOLDER}/resnet.onnx`;
const CALIB = `${FOLDER}/images.npz`;
const OUTPUT = `${FOLDER}/int8.onnx`;

const ASKED_MIB = 0.6e9 / 2 ** 20;
/** Effort and calibrators. */
const OURS = [
  ["fast", ["minmax", "entropy", "mse"]],
  ["balanced", ["minmax", "entropy", "mse"]],
  ["best", ["percentile"]],
];

export default async function int8Time() {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  try {
    execFileSync(PYTHON, ["-W", "ignore", file("./make-resnet.py"), MODEL, CALIB], { stdio: "inherit" });
    const rows = [];
    // In turns, so that a slow spell of the machine meets both.
    for (const [effort, calibrators] of OURS) {
      rows.push(row("onnxruntime quantize_static, MinMax", await peer("static"), ""));
      for (const calibrator of calibrators)
        rows.push(
          row(`edgec --effort ${effort}, ${calibrator}`, await edgec(effort, calibrator), asked(effort)),
        );
    }
    rows.push(row("onnxruntime quantize_static, Entropy", await peer("entropy"), ""));
    printTable(
      "time of int8 on a residual network of 25 MB, 100 images of 224 x 224",
      ["tool", "time", "peak memory", "asked"],
      rows,
    );
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

function asked(effort) {
  return effort === "best" ? "<= 60 s" : `<= MinMax of onnxruntime, <= ${ASKED_MIB.toFixed(0)} MiB`;
}

function edgec(effort, calibrator) {
  const flags = [
    "--int8",
    "--calib",
    CALIB,
    "--effort",
    effort,
    "--calibrator",
    calibrator,
    "--no-verify",
    "--quiet",
    "--force",
    "-o",
    OUTPUT,
  ];
  return run(process.execPath, [file("../bin/edgec.js"), "compress", MODEL, ...flags]);
}

function peer(mode) {
  return run(PYTHON, [file("./peer.py"), mode, MODEL, CALIB, OUTPUT]);
}

async function run(command, args) {
  const measured = await measure(command, args);
  if (measured.status !== 0)
    throw new Error(`${command} ${args[0]} ended with ${measured.status}: ${measured.errors}`);
  return measured;
}

function row(name, { seconds, peakMiB }, asked) {
  return [name, `${seconds.toFixed(1)} s`, `${peakMiB.toFixed(0)} MiB`, asked];
}
