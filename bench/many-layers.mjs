/**
 * Cost by the number of layers: processor seconds and peak memory, of all processes, of commands on models of
 * very many small parts, and the exponent by which they grow. 1 is in proportion. Linux only.
 *
 *   npm run bench -- many-layers                  5,000 and 50,000 parts, about an hour
 *   npm run bench -- many-layers 500 5000         so many
 *   npm run bench -- many-layers --only prune     commands with this word in them
 *
 * The peers run on the same models where Python has them, and are ended after ten minutes.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { writeModel } from "../build/index.js";
import { OUT } from "./fixtures.mjs";
import { chain, mlp, wide } from "./layered-models.mjs";
import { measure } from "./memory.mjs";
import { printTable } from "./table.mjs";
import { growthArguments } from "./growth-arguments.mjs";
import { PYTHON } from "./peers.mjs";

const FOLDER = join(OUT, `many-layers-${process.pid}`);
const OUTPUT = ["--quiet", "--force", "-o", join(FOLDER, "out.onnx")];
const COUNTS = [5_000, 50_000];
/** What the exponent may be above 1: times repeat no better on a busy machine. */
const MOST = 1.1;

/** A tenth as many inputs: onnxruntime's own load takes the square of their number. */
const concat = (n) => wide(n / 10);

/** Models and the commands that are run on each. */
const RUNS = [
  ["dense layers", mlp, ["compress"], OUTPUT],
  ["dense layers", mlp, ["compress", "--prune", "0.5"], OUTPUT],
  ["dense layers", mlp, ["compress", "--cluster", "16"], OUTPUT],
  ["dense layers", mlp, ["compress", "--int8"], OUTPUT],
  ["dense layers", mlp, ["optimize"], OUTPUT],
  ["dense layers", mlp, ["inspect"], ["--json"]],
  ["dense layers", mlp, ["verify"], ["--quiet"]],
  ["elementwise nodes", chain, ["optimize"], OUTPUT],
  ["inputs of one Concat (a tenth)", concat, ["optimize"], OUTPUT],
];

/** Peers that do the same on the same models: the command of edgec, and the lines of Python. */
const PEERS = [
  ["dense layers", mlp, "optimize", "onnxslim", "import onnxslim; onnxslim.slim(source, target)"],
  ["elementwise nodes", chain, "optimize", "onnxslim", "import onnxslim; onnxslim.slim(source, target)"],
  [
    "dense layers",
    mlp,
    "compress --int8",
    "onnxruntime",
    "from onnxruntime.quantization import quantize_dynamic; quantize_dynamic(source, target)",
  ],
];
const PEER_MS = 600_000;

export default async function manyLayers(args = []) {
  if (process.platform !== "linux")
    throw new Error("this bench reads processor times and memory from /proc: it needs Linux");
  const { counts, runs } = wanted(args);
  mkdirSync(FOLDER, { recursive: true });
  try {
    const rows = [];
    for (const run of runs) rows.push(await rowOf(run, counts));
    for (const peer of peersOf(runs)) rows.push(await peerRow(peer, counts));
    printTable(
      `processor seconds and peak MiB of all processes, by number of layers (asked: exponents of at most ${MOST})`,
      ["model", "command", ...counts.map((count) => count.toLocaleString("en")), "time ~ n^", "memory ~ n^"],
      rows,
    );
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

function wanted(args) {
  const { counts, word, areNumbers } = growthArguments(args, COUNTS);
  const runs = RUNS.filter(([model, , command]) => `${command.join(" ")} ${model}`.includes(word));
  if (!areNumbers || counts[0] >= counts[1] || runs.length === 0)
    throw new Error(
      "usage: npm run bench -- many-layers [<number of layers> <larger number>] [--only <word>]",
    );
  return { counts, runs };
}

function peersOf(runs) {
  const asked = new Set(runs.map(([model, , command]) => `${command.join(" ")} ${model}`));
  return PEERS.filter(([model, , command]) => asked.has(`${command} ${model}`));
}

async function peerRow([model, make, command, name, lines], counts) {
  const label = `${name} (${command})`;
  if (spawnSync(PYTHON, ["-c", `import ${name}`], { stdio: "ignore" }).status !== 0)
    return [model, label, ...counts.map(() => "not installed"), "", ""];
  const found = [];
  for (const count of counts) {
    const path = join(FOLDER, `${make.name}${count}.onnx`);
    const script = `source, target = ${JSON.stringify(path)}, ${JSON.stringify(join(FOLDER, "peer.onnx"))}\n${lines}`;
    const before = ofChildren();
    const { peakMiB, status } = await measure("timeout", [`${PEER_MS / 1000}`, PYTHON, "-c", script]);
    found.push(status === 0 ? { seconds: ofChildren() - before, peakMiB } : undefined);
  }
  const cells = found.map((one) =>
    one ? `${one.seconds.toFixed(1)} s, ${one.peakMiB.toFixed(0)} MiB` : "not done",
  );
  const isDone = found.every((one) => one !== undefined);
  const exponents = ["seconds", "peakMiB"].map((what) =>
    isDone ? exponent(found, counts, what).toFixed(2) : "",
  );
  return [model, label, ...cells, ...exponents];
}

async function rowOf([model, make, [command, ...flags], rest], counts) {
  const found = [];
  for (const count of counts) {
    const path = join(FOLDER, `${make.name}${count}.onnx`);
    writeModel(make(count), path);
    const files = command === "verify" ? [path, path] : [path];
    const args = [command, ...files.map((file) => relative(".", file)), ...flags, ...rest];
    const before = ofChildren();
    const { peakMiB, status, errors } = await measure(process.execPath, ["bin/edgec.js", ...args]);
    const seconds = ofChildren() - before;
    console.error(
      `${args.join(" ")}: ${seconds.toFixed(1)} s, ${peakMiB.toFixed(0)} MiB, exit code ${status}`,
    );
    if (status !== 0) console.log(`edgec ${command} ended with ${status}: ${errors.slice(0, 300)}`);
    found.push(status === 0 ? { seconds, peakMiB } : { seconds: NaN, peakMiB: NaN });
  }
  const time = exponent(found, counts, "seconds");
  if (!(time <= MOST)) process.exitCode = 1;
  const cells = found.map(({ seconds, peakMiB }) => `${seconds.toFixed(1)} s, ${peakMiB.toFixed(0)} MiB`);
  return [
    model,
    [command, ...flags].join(" "),
    ...cells,
    time.toFixed(2),
    exponent(found, counts, "peakMiB").toFixed(2),
  ];
}

function exponent([few, many], counts, what) {
  return Math.log(many[what] / few[what]) / Math.log(counts[1] / counts[0]);
}

/** User and system time of all processes below this one that have ended, by the kernel's clock. */
function ofChildren() {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}
