/**
 * Whether work grows with the number of a model's parts and no faster: processor time of `edgec compress` and
 * `optimize`, of all their processes, for models with many parts of one kind. Five times the parts may take
 * five times as long. Linux only.
 *
 *   npm run bench -- many-parts                 20,000 and 100,000 parts, about ten minutes
 *   npm run bench -- many-parts 2000 10000      so many
 *   npm run bench -- many-parts --only nodes    kinds with this word in their name
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { DataType, floatTensor, makeNode, tensorValue, writeModel } from "../build/index.js";
import { OUT } from "./fixtures.mjs";
import { modelOf } from "./made-models.mjs";
import { printTable } from "./table.mjs";
import { growthArguments } from "./growth-arguments.mjs";

const FOLDER = join(OUT, `many-parts-${process.pid}`);
const OUTPUT = join(FOLDER, "out.onnx");
const COUNTS = [20_000, 100_000];
const COMMANDS = ["compress", "optimize"];
/**
 * What the ratio of both times may be above that of both numbers, as times repeat no better on a busy
 * machine.
 */
const NOISE = 1.2;
/** Of the kernel's clock, on every common system. */
const TICKS_PER_SECOND = 100;

const times = (n, make) => Array.from({ length: n }, (_, k) => make(k));
const value = (name) => tensorValue(name, DataType.FLOAT, [1, 4]);
const vector = (name, first) => floatTensor(name, [4], Float32Array.of(first, 1, 2, 3));
const sets = (n) => [{ domain: "", version: 17n }, ...times(n, (k) => ({ domain: `d${k}`, version: 1n }))];
const entries = (n) => times(n, (k) => ({ key: `key${k}`, value: "v" }));
/** From x to y, whatever else the model has. */
const model = (graph, more) =>
  modelOf(
    { nodes: [makeNode("Relu", ["x"], ["y"])], inputs: [value("x")], outputs: [value("y")], ...graph },
    more,
  );
/** x → node → node → … → y */
const chain = (n, make) => times(n, (k) => make(k === 0 ? "x" : `v${k - 1}`, k === n - 1 ? "y" : `v${k}`, k));

const square = (k) => ({
  name: `F${k}`,
  domain: "own",
  inputs: ["a"],
  outputs: ["b"],
  attributeNames: [],
  attributeDefaults: [],
  nodes: [makeNode("Mul", ["a", "a"], ["b"])],
  opsetImports: [{ domain: "", version: 17n }],
  valueInfo: [],
});

const KINDS = {
  "operator sets": (n) => model({}, { opsetImports: sets(n) }),
  "metadata entries": (n) => model({ metadata: entries(n) }, { metadata: entries(n) }),
  "constants that nothing reads": (n) => model({ initializers: times(n, (k) => vector(`w${k}`, k)) }),
  "declarations of values": (n) => model({ valueInfo: times(n, (k) => value(`u${k}`)) }),
  functions: (n) =>
    model({}, { functions: times(n, square), opsetImports: [...sets(0), { domain: "own", version: 1n }] }),
  nodes: (n) =>
    model({ nodes: chain(n, (from, to, k) => makeNode(k % 2 === 0 ? "Neg" : "Relu", [from], [to])) }),
  "nodes with a constant each": (n) =>
    model({
      nodes: chain(n, (from, to, k) => makeNode("Add", [from, `w${k}`], [to])),
      initializers: times(n, (k) => vector(`w${k}`, k)),
    }),
};

export default async function manyParts(args = []) {
  if (process.platform !== "linux")
    throw new Error("this bench reads processor times from /proc: it needs Linux");
  const { counts, kinds } = wanted(args);
  mkdirSync(FOLDER, { recursive: true });
  try {
    const rows = kinds.flatMap(([kind, make]) => rowsOf(kind, make, counts));
    printTable(
      `processor seconds by number of parts (asked: at most ${counts[1] / counts[0]}x)`,
      [
        "many",
        "command",
        ...counts.map((count) => count.toLocaleString("en")),
        "ratio",
        "of it edgec alone",
        "ratio",
      ],
      rows,
    );
    console.log("edgec alone: with --no-verify, without onnxruntime's share.\n");
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

function wanted(args) {
  const { counts, word, areNumbers } = growthArguments(args, COUNTS);
  const kinds = Object.entries(KINDS).filter(([kind]) => kind.includes(word));
  if (!areNumbers || kinds.length === 0)
    throw new Error("usage: npm run bench -- many-parts [<number of parts> <larger number>] [--only <word>]");
  return { counts, kinds };
}

function rowsOf(kind, make, counts) {
  const files = counts.map((count) => {
    const path = join(FOLDER, `${count}.onnx`);
    writeModel(make(count), path);
    return path;
  });
  return COMMANDS.map((command) => {
    const whole = files.map((path) => processorSeconds(kind, command, path));
    const alone = files.map((path) => processorSeconds(kind, command, path, "--no-verify"));
    if (isTooMuch(alone, counts)) process.exitCode = 1;
    return [kind, command, ...whole.map(text), ratio(whole), alone.map(text).join(" "), ratio(alone)];
  });
}

const text = (seconds) => (typeof seconds === "number" ? seconds.toFixed(1) : seconds);

const ratio = ([few, many]) =>
  typeof few === "number" && typeof many === "number" ? `${(many / few).toFixed(1)}x` : "-";

/** Also of a run that failed, which gave no number. */
const isTooMuch = ([few, many], counts) => !(many / few <= (NOISE * counts[1]) / counts[0]);

/** Of the command and all that it started, or what it said instead of a result. */
function processorSeconds(kind, command, path, ...flags) {
  const before = ofChildren();
  const args = ["bin/edgec.js", command, relative(".", path), ...flags, "--quiet", "--force", "-o", OUTPUT];
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const seconds = ofChildren() - before;
  const passed = (performance.now() - start) / 1000;
  console.error(`${kind}: ${args.slice(1, -4).join(" ")}: ${seconds.toFixed(1)} s of ${passed.toFixed(1)} s`);
  if (status === 0) return seconds;
  console.log(`edgec ${command} ${flags.join(" ")} ended with ${status}: ${stderr.slice(0, 300)}`);
  return `exit ${status}`;
}

/** User and system time of all processes below this one that have ended. */
function ofChildren() {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}
