/**
 * Prints every figure that the README claims. `npm run bench` for all but "accuracy", "int8-time", "large", "no-larger" and "zoo", `npm run bench -- int8 io` for some.
 * Speeds are ratios of medians measured in turns in one process with one thread. Peers run where Python has
 * onnxruntime and onnx (EDGEC_PYTHON names the interpreter; default python3).
 */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { readFileSync } from "node:fs";

const BENCHES = ["int8", "prune-cluster", "calibration", "startup", "io", "optimize", "opsets", "equalize", "emulate", "rounding", "across"];
/** Only when named: minutes of time, for "large" gigabytes of disk, and for "zoo" and "int8-time" Python with torch. */
const ON_REQUEST = ["accuracy", "int8-time", "large", "no-larger", "zoo"];
/** Takes flags and folders behind its name. */
const WITH_ARGUMENTS = "no-larger";

const given = process.argv.slice(2);
const own = given.includes(WITH_ARGUMENTS) ? given.slice(given.indexOf(WITH_ARGUMENTS) + 1) : [];
const asked = given.slice(0, given.length - own.length);
const unknown = asked.find((name) => ![...BENCHES, ...ON_REQUEST].includes(name));
if (unknown !== undefined) {
  console.error(`there is no bench "${unknown}"; choose from ${[...BENCHES, ...ON_REQUEST].join(", ")}`);
  process.exit(2);
}
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: "inherit" });
console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${vnni()}, Node ${process.version}\n`);
for (const name of asked.length > 0 ? asked : BENCHES) {
  const { default: bench } = await import(`./${name}.mjs`);
  await bench(own);
}

/** Whether int8 products are summed in 32 bits, which decides most of int8's speed on x86-64. */
function vnni() {
  try {
    return /vnni/.test(readFileSync("/proc/cpuinfo", "utf8")) ? "with VNNI" : "without VNNI";
  } catch {
    return process.arch;
  }
}
