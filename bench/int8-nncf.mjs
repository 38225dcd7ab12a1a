/**
 * Processor time of int8 against NNCF's on the same samples, in turns: a network of ResNet-18's shape with 10
 * images. Ours loads both models, compares and times them as well. Needs Python with nncf.
 */
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OUT } from "./fixtures.mjs";
import { measureProcessor } from "./memory.mjs";
import { PYTHON } from "./peers.mjs";
import { printTable } from "./table.mjs";
import { writeTorchShape } from "./torch-shapes.mjs";

const SAMPLES = 10;
const TURNS = 3;
const FOLDER = `${OUT}/int8-nncf`;

export default async function int8Nncf() {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  try {
    const { model, calib } = writeTorchShape(FOLDER, "resnet18", SAMPLES);
    const output = `${FOLDER}/int8.onnx`;
    const flags = ["--int8", "--calib", calib, "-o", output, "--force", "--quiet"];
    const script = fileURLToPath(new URL("./nncf_int8.py", import.meta.url));
    const tools = {
      NNCF: [PYTHON, [script, model, calib, output]],
      edgec: [process.execPath, ["bin/edgec.js", "compress", model, ...flags]],
      "edgec --no-verify": [process.execPath, ["bin/edgec.js", "compress", model, ...flags, "--no-verify"]],
    };
    const runs = Object.fromEntries(Object.keys(tools).map((name) => [name, []]));
    for (let turn = 0; turn < TURNS; turn++)
      for (const [name, [command, args]] of Object.entries(tools)) {
        const run = await measureProcessor(command, args);
        if (run.status !== 0) throw new Error(`${name} ended with ${run.status}: ${run.errors}`);
        runs[name].push(run);
      }
    const middle = (name, figure) => runs[name].map((run) => run[figure]).sort((a, b) => a - b)[TURNS >> 1];
    printTable(
      `int8 of ResNet-18's shape with ${SAMPLES} images, medians of ${TURNS} turns (asked: at most NNCF's CPU seconds)`,
      ["tool", "CPU s", "of NNCF's", "peak MiB of all processes"],
      Object.keys(tools).map((name) => [
        name,
        middle(name, "cpuSeconds").toFixed(1),
        (middle(name, "cpuSeconds") / middle("NNCF", "cpuSeconds")).toFixed(2),
        middle(name, "peakMiB").toFixed(0),
      ]),
    );
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
}
