/**
 * Prints every figure that the README claims. `npm run bench` for all but those that have to be named
 * (ON_REQUEST below), `npm run bench -- int8 io` for some. Speeds are ratios of medians measured in turns
 * in one process with one thread. Peers run where Python has onnxruntime and onnx (EDGEC_PYTHON names the
 * interpreter; default python3). With --csv the figures are kept in bench/results/<version>.csv as well.
 */
import { execFileSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { readFileSync } from "node:fs";
import { takeLines, writeResults } from "./results.mjs";

const BENCHES = [
  "int8",
  "prune-cluster",
  "calibration",
  "startup",
  "io",
  "optimize",
  "opsets",
  "equalize",
  "emulate",
  "rounding",
  "across",
];
/**
 * Only when named: minutes of time, for "large" gigabytes of disk, for "zoo" and "int8-time" Python with torch,
 * and for "int8-nncf" Python with nncf.
 */
const ON_REQUEST = [
  "accuracy",
  "chain-loads",
  "int8-nncf",
  "int8-time",
  "large",
  "many-layers",
  "many-parts",
  "no-larger",
  "responsive",
  "scale",
  "scale-calibration",
  "scale-load",
  "signals",
  "solver",
  "trained",
  "zoo",
];
/** Take all that stands behind their name: flags, numbers and folders. */
const WITH_ARGUMENTS = [
  "many-layers",
  "many-parts",
  "no-larger",
  "scale",
  "scale-load",
  "signals",
  "solver",
  "trained",
];

const isKept = process.argv.includes("--csv");
const given = process.argv.slice(2).filter((word) => word !== "--csv");
const taker = given.findIndex((name) => WITH_ARGUMENTS.includes(name));
const own = taker < 0 ? [] : given.slice(taker + 1);
const asked = given.slice(0, given.length - own.length);
const unknown = asked.find((name) => ![...BENCHES, ...ON_REQUEST].includes(name));
if (unknown !== undefined) {
  console.error(`there is no bench "${unknown}"; choose from ${[...BENCHES, ...ON_REQUEST].join(", ")}`);
  process.exit(2);
}
// Benches load the modules in build/, and run the command in dist/.
for (const step of [["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], ["scripts/bundle.mjs"]])
  execFileSync(process.execPath, step, { stdio: "inherit" });
const processor = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${vnni()}`;
const machine = `${processor}, load ${load()}, Node ${process.version}`;
console.log(`${machine}\n`);
const linesOf = new Map();
for (const name of asked.length > 0 ? asked : BENCHES) {
  const { default: bench } = await import(`./${name}.mjs`);
  await bench(own);
  linesOf.set(name, takeLines(name));
}
if (isKept) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  writeResults(`bench/results/${version}.csv`, linesOf, machine);
}

/** Whether int8 products are summed in 32 bits, which decides most of int8's speed on x86-64. */
function vnni() {
  try {
    return /vnni/.test(readFileSync("/proc/cpuinfo", "utf8")) ? "with VNNI" : "without VNNI";
  } catch {
    return process.arch;
  }
}

/**
 * What else the machine is busy with: processes that ran or waited for a core in the last minute, on
 * average.
 */
function load() {
  return (loadavg()[0] ?? 0).toFixed(1);
}
