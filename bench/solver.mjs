/**
 * Pruning and clustering with calibration data on layers of real size: CPU seconds and memory of all processes,
 * checks included, on random weights in torchvision's shapes; and fidelity on the five digit models.
 *
 *   npm run bench -- solver                    all of it, an hour
 *   npm run bench -- solver prune cluster      only these tables; "growth", "small" and "fidelity" are the others
 *
 * "small" is a model of 5,000 weights of 1 kB each, without data: what every constant costs beside its values.
 * Memory may be that of the model, of its largest matrix of second moments twice, and 300 MB.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compress, writeModel } from "../build/index.js";
import { fixture } from "./fixtures.mjs";
import { mlp } from "./layered-models.mjs";
import { printTable } from "./table.mjs";
import { writeTorchShape } from "./torch-shapes.mjs";

const JOBS = {
  prune: [
    ["resnet18", 20, "<= 30 s"],
    ["vit_b_16", 20, "<= 120 s"],
    ["resnet50", 100, "<= 90 s"],
  ],
  cluster: [
    ["dense512", 20, ""],
    ["dense1024", 20, "<= 10 s"],
    ["dense2048", 20, "no cliff"],
    ["dense4096", 20, "no cliff"],
    ["resnet18", 20, "<= 40 s"],
  ],
};
const AMOUNT = { prune: "0.5", cluster: "16" };
const DIGIT_MODELS = ["lenet", "mbv2", "resnet", "vit", "rnn"];
/** Weights of 16 × 16, each with a bias. */
const SMALL_LAYERS = 5_000;
const SMALL_RUNS = [
  ["--prune", "0.5"],
  ["--cluster", "16"],
  ["--prune", "0.8", "--cluster", "16"],
];
const TABLES = ["prune", "cluster", "growth", "small", "fidelity"];
const GROWTH = [256, 512, 1024, 2048];
/** Features of the layer with the most inputs, whose matrix of second moments is the largest. */
const MOST_FEATURES = { resnet18: 4608, resnet50: 4608, vit_b_16: 3072 };
const MB = 1e6;

export default async function solver(args = []) {
  const unknown = args.find((name) => !TABLES.includes(name));
  if (unknown !== undefined)
    throw new Error(`there is no table "${unknown}"; choose from ${TABLES.join(", ")}`);
  const asked = args.length > 0 ? args : TABLES;
  for (const kind of ["prune", "cluster"]) if (asked.includes(kind)) await costs(kind);
  if (asked.includes("small")) await small();
  if (asked.includes("growth")) await growth();
  if (asked.includes("fidelity")) await fidelity();
}

async function costs(kind) {
  const rows = [];
  for (const [name, samples, bound] of JOBS[kind]) {
    const { cpuSeconds, mb, status, modelMb } = await run(kind, name, samples);
    const momentsMb = (8 * (MOST_FEATURES[name] ?? Number(/\d+$/.exec(name)[0])) ** 2) / MB;
    rows.push([
      name,
      `${samples}`,
      cpuSeconds.toFixed(1),
      bound,
      ...[mb, modelMb + 2 * momentsMb + 300, modelMb, momentsMb].map((value) => value.toFixed(0)),
      status === 0 ? "" : `exit ${status}`,
    ]);
  }
  const columns = ["model", "samples", "CPU s", "asked", "MB", "at most", "model", "largest moments", ""];
  printTable(`--${kind} ${AMOUNT[kind]} --calib, all processes`, columns, rows);
}

async function small() {
  const folder = mkdtempSync(join(tmpdir(), "bench-solver-"));
  try {
    const model = join(folder, "small.onnx");
    const output = join(folder, "out.onnx");
    writeModel(mlp(SMALL_LAYERS), model);
    const rows = [];
    for (const flags of SMALL_RUNS) {
      const report = join(folder, "report.json");
      const rest = ["--force", "--report", report, "-o", output];
      const { cpuSeconds, mb, status } = await measured([
        "bin/edgec.js",
        "compress",
        model,
        ...flags,
        ...rest,
      ]);
      rows.push([
        flags.join(" "),
        cpuSeconds.toFixed(1),
        mb.toFixed(0),
        megabytes(model),
        status === 0 ? megabytes(output) : `exit ${status}`,
        ...(status === 0 ? loadCells(report) : ["", ""]),
        "<= 15 s, <= 400 MB, load <= 3x and <= 2x",
      ]);
      rmSync(output, { force: true });
    }
    const title = `${SMALL_LAYERS.toLocaleString("en")} weights of 1 kB, all processes`;
    printTable(
      title,
      ["", "CPU s", "MB of memory", "file MB", "after", "load time", "load memory", "asked"],
      rows,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Models of the same depth: how their cost grows with the number of weights. */
async function growth() {
  for (const kind of ["prune", "cluster"]) {
    const rows = [];
    let before;
    for (const width of GROWTH) {
      const { cpuSeconds } = await run(kind, `dense${width}`, 20);
      const exponent = before && Math.log(cpuSeconds / before) / Math.log(4);
      rows.push([
        `${width}`,
        cpuSeconds.toFixed(1),
        ((1e6 * cpuSeconds) / (4 * width ** 2)).toFixed(2),
        exponent?.toFixed(2) ?? "",
      ]);
      before = cpuSeconds;
    }
    const columns = ["width", "CPU s", "us a weight", "exponent in weights"];
    printTable(`--${kind} ${AMOUNT[kind]} --calib of four square layers`, columns, rows);
  }
}

/** Writes a model with its samples and compresses it. */
async function run(kind, name, samples) {
  const folder = mkdtempSync(join(tmpdir(), "bench-solver-"));
  try {
    const { model, calib } = writeTorchShape(folder, name, samples);
    const flags = [`--${kind}`, AMOUNT[kind], "--calib", calib, "-o", join(folder, "out.onnx")];
    const seen = await measured(["bin/edgec.js", "compress", model, ...flags]);
    return { ...seen, modelMb: statSync(model).size / MB };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const megabytes = (path) => (statSync(path).size / 1e6).toFixed(2);

/** Time and memory of loading the result, as multiples of the original's. */
function loadCells(report) {
  const { load } = JSON.parse(readFileSync(report, "utf8"));
  return [load?.timeRatio, load?.memoryRatio].map((ratio) =>
    ratio === undefined ? "-" : `${ratio.toFixed(2)}x`,
  );
}

/** Processor time of a command with all its descendants, and the peak of the memory of all together. */
async function measured(args) {
  const child = spawn(
    "bash",
    ["-c", 'TIMEFORMAT="%U %S"; time "$0" "$@" > /dev/null 2>&1', process.execPath, ...args],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let output = "";
  let mb = 0;
  child.stderr.on("data", (chunk) => (output += chunk));
  const timer = setInterval(() => (mb = Math.max(mb, residentOf(child.pid))), 50);
  const status = await new Promise((resolve) => child.on("close", resolve));
  clearInterval(timer);
  const [user = NaN, system = NaN] = (/([\d.]+) ([\d.]+)\s*$/.exec(output) ?? []).slice(1).map(Number);
  return { cpuSeconds: user + system, mb, status };
}

/** Resident memory of a process and its descendants, MB. */
function residentOf(root) {
  const parents = new Map();
  const resident = new Map();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const text = readFileSync(`/proc/${entry}/status`, "utf8");
      parents.set(Number(entry), Number(/^PPid:\s*(\d+)/m.exec(text)?.[1]));
      resident.set(Number(entry), (Number(/^VmRSS:\s*(\d+)/m.exec(text)?.[1] ?? 0) * 1024) / MB);
    } catch {
      // It has ended.
    }
  }
  const isUnder = (pid) => pid === root || (parents.has(pid) && pid > 1 && isUnder(parents.get(pid)));
  return [...resident].reduce((sum, [pid, size]) => sum + (isUnder(pid) ? size : 0), 0);
}

async function fidelity() {
  const runs = [
    ["prune 0.5", { prune: 0.5 }],
    ["prune 0.8", { prune: 0.8 }],
    ["cluster 16", { cluster: 16 }],
  ];
  const rows = [];
  for (const [title, options] of runs) {
    const found = [];
    for (const name of DIGIT_MODELS) {
      const f = fixture(name);
      const files = { calib: f.calib, eval: f.eval, output: f.out("solver"), force: true };
      const { report } = await compress(f.model, { ...options, ...files });
      found.push(Object.values(report.fidelity.outputs)[0].sqnrDb);
    }
    const mean = found.reduce((sum, db) => sum + db, 0) / found.length;
    rows.push([title, ...found.map((db) => db.toFixed(2)), mean.toFixed(2)]);
  }
  printTable("fidelity with calibration data, dB", ["", ...DIGIT_MODELS, "mean"], rows);
}
