/**
 * Whether two builds of edgec make the same of the same models: for a change that is not meant to change anything.
 *
 *   node scripts/same-output.mjs record before.json [folder …]   runs this checkout's build and saves what came out
 *   node scripts/same-output.mjs check before.json [folder …]    runs it again and prints what differs; exit 1 then
 *
 * Models are the fixtures, a quarter of the official operator models, and the .onnx files of the folders named, with
 * calibration data in calib.npz or <name>.npz beside them. Output files must be equal byte for byte, reports in every
 * number and decision. Times, prose and the ids of diagnostics are not compared. Costs come from the table of a
 * target, so that no choice depends on a clock. Run both on the same machine: onnxruntime's kernels round differently
 * from one to the next.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { fixture } from "../bench/fixtures.mjs";
import { dataBeside, modelsIn, operatorModels } from "../bench/model-files.mjs";
import { compress, optimize } from "../build/index.js";

const TARGET = "arm64-dotprod";
/** Keys of a report that hold times, prose, ids or paths. */
const NOT_COMPARED = new Set([
  "latency",
  "executed",
  "message",
  "source",
  "reason",
  "id",
  "why",
  "edgec",
  "input",
  "output",
  "written",
  "seconds",
  "ms",
  "times",
  "warnings",
  "description",
]);

/** Models above this many bytes run fewer commands. */
const LARGE = 4e6;

const COMMANDS = [
  { name: "optimize" },
  { name: "compress", options: {} },
  { name: "int8", options: { int8: true } },
  { name: "int8 calib", options: { int8: true }, needsData: true, isReplayed: true },
  { name: "int8 calib fast", options: { int8: true, effort: "fast" }, needsData: true, isForLarge: true },
  {
    name: "int8 best",
    options: { int8: true, effort: "best" },
    needsData: true,
    isReplayed: true,
    isSlow: true,
  },
  { name: "4 bits", options: { int8: true, weightBits: 4 }, needsData: true },
  { name: "prune calib", options: { prune: 0.5 }, needsData: true },
  { name: "prune cluster", options: { prune: 0.5, cluster: 16 } },
  { name: "2:4 int8", options: { prune: "2:4", int8: true }, needsData: true },
  { name: "cluster int8", options: { cluster: 16, int8: true }, needsData: true },
  { name: "storage int8", options: { storage: "int8" } },
  { name: "storage plain", options: { storage: "plain" } },
];

const [mode, file, ...folders] = process.argv.slice(2);
if (!["record", "check"].includes(mode) || file === undefined) {
  console.error("usage: node scripts/same-output.mjs record|check <file.json> [folder …]");
  process.exit(2);
}
const work = mkdtempSync(join(tmpdir(), "edgec-same-"));
try {
  const found = await runAll(mode === "check" ? JSON.parse(readFileSync(file, "utf8")) : {});
  if (mode === "record") writeFileSync(file, `${JSON.stringify(found, null, 1)}\n`);
  console.log(`${Object.keys(found).length} runs`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function runAll(before) {
  const found = {};
  let different = 0;
  for (const job of jobs()) {
    for (const command of COMMANDS.filter((candidate) => isMeantFor(candidate, job))) {
      for (const [key, result] of await outcomes(job, command)) {
        found[key] = result;
        if (mode === "check") different += differs(key, before[key], result);
      }
      process.stderr.write(".");
    }
  }
  process.stderr.write("\n");
  if (mode === "check") {
    console.log(different === 0 ? "All are the same." : `${different} differ.`);
    process.exitCode = different === 0 ? 0 : 1;
  }
  return found;
}

function* jobs() {
  for (const name of ["lenet", "resnet", "mbv2", "vit", "rnn"])
    yield { name, path: fixture(name).model, calib: fixture(name).calib, kind: "fixture" };
  for (const folder of folders)
    for (const path of modelsIn(resolve(folder)))
      yield { name: relative(resolve(folder), path), path, calib: dataBeside(path), kind: "folder" };
  const operators = join(work, "operators");
  for (const path of operatorModels(operators, 4))
    yield { name: relative(operators, path), path, kind: "operator" };
}

function isMeantFor({ name, needsData, isSlow, isForLarge }, { path, calib, kind }) {
  if (kind === "operator") return name === "optimize" || name === "compress";
  const isLarge = kind === "folder" && statSync(path).size > LARGE;
  if (isLarge)
    return (
      name === "optimize" ||
      name === "compress" ||
      (isForLarge === true && calib !== undefined && statSync(path).size < 8 * LARGE)
    );
  if (isForLarge) return false;
  return (!needsData || calib !== undefined) && (!isSlow || kind === "fixture");
}

async function outcomes({ name, path, calib, kind }, command) {
  const key = `${name} | ${command.name}`;
  const options = command.options && {
    ...command.options,
    target: TARGET,
    ...(command.needsData ? { calib } : {}),
    ...(kind === "fixture" ? {} : { verify: false }),
  };
  const first = await outcome(path, options);
  if (!command.isReplayed || first.report === undefined) return [[key, summary(first)]];
  const replay = join(work, "report.json");
  writeFileSync(replay, JSON.stringify(first.report));
  return [
    [key, summary(first)],
    [`${key} | replay`, summary(await outcome(path, { ...options, replay }))],
  ];
}

async function outcome(path, options) {
  const output = join(work, `out-${basename(path)}`);
  for (const old of readdirSync(work).filter((entry) => entry.startsWith("out-"))) rmSync(join(work, old));
  try {
    const { report } =
      options === undefined
        ? await optimize(path, { output, verify: false })
        : await compress(path, { ...options, output });
    return {
      report,
      files: [output, `${output}.data`]
        .filter((written) => existsSync(written))
        .map((written) => readFileSync(written)),
    };
  } catch (error) {
    return { failure: error.code ?? error.name };
  }
}

function summary({ report, files, failure }) {
  if (failure !== undefined) return { failure };
  const hash = createHash("sha256");
  for (const bytes of files) hash.update(bytes);
  return {
    bytes: files.reduce((sum, { length }) => sum + length, 0),
    sha256: hash.digest("hex"),
    report: comparable(report),
  };
}

/** The report without what may change; numbers are kept as they are. */
function comparable(value) {
  if (Array.isArray(value)) return value.map(comparable);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !NOT_COMPARED.has(key))
      .map(([key, inner]) => [key, comparable(inner)]),
  );
}

function differs(key, before, after) {
  if (before === undefined) return 0;
  const paths = differences(before, after);
  if (paths.length > 0) console.log(`${key}\n  ${paths.slice(0, 8).join("\n  ")}`);
  return paths.length > 0 ? 1 : 0;
}

function differences(before, after, path = "") {
  if (before === null || after === null || typeof before !== "object" || typeof after !== "object")
    return Object.is(before, after)
      ? []
      : [`${path.slice(1)}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) =>
    differences(before[key], after[key], `${path}.${key}`),
  );
}
