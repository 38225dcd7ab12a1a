/**
 * What loading a compressed file takes, against its original: processor time and peak memory of the runtime, one
 * load in a process of its own, and the memory that edgec estimates. Vision transformers of 0.35, 1.2 and 2 GB with
 * random weights, and two of the digit models. No calibration data, no comparison. Needs 6 GB of memory and of disk.
 *
 *   npm run bench -- scale-load                        all of it, about half an hour
 *   npm run bench -- scale-load vit_b_16 fixtures      only these
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { readModel } from "../build/onnx/index.js";
import { loadBytes } from "../build/passes/encode/load-bytes.js";
import { measureLoad } from "../build/verify/index.js";
import { fixture, OUT } from "./fixtures.mjs";
import { printTable } from "./table.mjs";
import { writeTorchShape } from "./torch-shapes.mjs";

const WAYS = [["--int8"], ["--prune", "0.5"], ["--cluster", "16"]];
const SHAPES = ["vit_b_16", "vit_l_16", "vit_l_40"];
const DIGITS = ["lenet", "resnet"];
const FIXTURES = "fixtures";
/** Times of loading that are longer by no more than this need not be compared. */
const SLACK_MS = 50;
const REPEATS = 3;

export default async function scaleLoad(args = []) {
  const unknown = args.find((name) => ![...SHAPES, FIXTURES].includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no model "${unknown}"; choose from ${[...SHAPES, FIXTURES].join(", ")}`);
  const asked = args.length > 0 ? args : [...SHAPES, FIXTURES];
  const rows = [];
  for (const name of asked) {
    mkdirSync(OUT, { recursive: true });
    const folder = mkdtempSync(join(OUT, "scale-load-"));
    try {
      if (name === FIXTURES) {
        for (const digit of DIGITS)
          rows.push(
            ...(await rowsOf(folder, digit, fixture(digit).model, [["--prune", "0.8", "--cluster", "16"]])),
          );
      } else rows.push(...(await rowsOf(folder, name, writeTorchShape(folder, name, 0).model, WAYS)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  printTable(
    "loading (asked: at most 2x the memory, at most 3x the time or 50 ms more; estimate within 1.3x)",
    ["model", "command", "file MB", "processor ms", "peak MB", "memory", "time", "estimate / peak", ""],
    rows,
  );
}

async function rowsOf(folder, name, model, ways) {
  const original = await loaded(model);
  const rows = [row(name, "", original, original)];
  for (const flags of ways) {
    const output = join(folder, "out.onnx");
    // An earlier result may have been in two files.
    for (const path of [output, `${output}.data`]) rmSync(path, { force: true });
    const args = [
      "bin/edgec.js",
      "compress",
      model,
      ...flags,
      "--no-verify",
      "--quiet",
      "--force",
      "-o",
      output,
    ];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`edgec ended with ${status}: ${stderr}`);
    rows.push(row(name, flags.join(" "), original, await loaded(output)));
  }
  return rows;
}

function row(name, command, original, { bytes, ms, peakBytes, estimate }) {
  const [memory, time] = [peakBytes / original.peakBytes, ms / original.ms];
  const isSlow = time > 3 && ms > original.ms + SLACK_MS;
  const off = estimate / peakBytes;
  // The estimate decides about large models alone; a small one is run whatever it says.
  const isOff = bytes > 1e8 && (off > 1.3 || off < 1 / 1.3);
  const isMet = memory <= 2 && !isSlow && !isOff;
  if (!isMet) process.exitCode = 1;
  return [
    name,
    command,
    (bytes / 1e6).toFixed(1),
    ms.toFixed(0),
    (peakBytes / 1e6).toFixed(0),
    `${memory.toFixed(2)}x`,
    `${time.toFixed(2)}x`,
    off.toFixed(2),
    isMet ? "" : "missed",
  ];
}

/** The medians of some loads. */
async function loaded(path) {
  const folder = dirname(path);
  const files = path.startsWith(OUT) ? readdirSync(folder).filter((file) => file.startsWith(base(path))) : [];
  const bytes = files.length
    ? files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
    : statSync(path).size;
  const loads = [];
  for (let k = 0; k < REPEATS; k++) loads.push(await measureLoad(path, path));
  const median = (what) => loads.map((load) => load[what]).sort((a, b) => a - b)[(REPEATS - 1) / 2];
  return { bytes, ms: median("ms"), peakBytes: median("peakBytes"), estimate: loadBytes(readModel(path)) };
}

const base = (path) => path.slice(dirname(path).length + 1);
