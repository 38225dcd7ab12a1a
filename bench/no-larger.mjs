/**
 * That no output is larger than its input: `compress` and `optimize` over the fixtures and the official
 * operator models, lossy commands over the fixtures, both again on what came out, and all of it over the
 * models of a folder.
 *
 *   npm run bench -- no-larger                   a twentieth of the operator models
 *   npm run bench -- no-larger --all             all of them
 *   npm run bench -- no-larger path/to/models    its .onnx files as well, with calib.npz or <name>.npz beside them
 *   npm run bench -- no-larger --only path       those alone
 *
 * Sizes are sums over a model and its data files. Models are not run: `npm test` does that. Ctrl-C prints
 * what was tried so far.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { compress, GraphEditor, optimize, readModel } from "../build/index.js";
import { fixture, OUT } from "./fixtures.mjs";
import { dataBeside, modelsIn, operatorModels } from "./model-files.mjs";
import { printTable } from "./table.mjs";

const FOLDER = join(OUT, "no-larger");
const SAMPLE = 20;

const LOSSLESS = [
  ["compress", {}],
  ["optimize", undefined],
];
const LOSSY = [
  ["--int8", { int8: true }],
  ["--int8 --calib", { int8: true, effort: "fast" }, true],
  ["--prune 0.5", { prune: 0.5 }],
  ["--cluster 16", { cluster: 16 }],
  ["--storage int8", { storage: "int8" }],
  ["--weight-bits 4", { int8: true, weightBits: 4, effort: "fast" }, true],
];

export default async function noLarger(args = []) {
  mkdirSync(FOLDER, { recursive: true });
  const tally = new Tally();
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, () => {
      console.log(`ended by ${signal}: not all models were tried\n`);
      tally.print();
      process.exit(1);
    });
  if (!args.includes("--only")) {
    for (const name of ["lenet", "resnet", "mbv2", "vit", "rnn"])
      await tryModel(tally, "fixtures", name, fixture(name).model, fixture(name).calib, true);
    for (const path of operatorModels(join(FOLDER, "operators"), args.includes("--all") ? 1 : SAMPLE))
      await tryModel(tally, "operator models", path.split("/").at(-2), path, undefined, false);
  }
  for (const folder of args.filter((arg) => !arg.startsWith("--"))) {
    for (const path of modelsIn(folder))
      await tryModel(tally, folder, relative(folder, path), path, dataBeside(path), true);
  }
  tally.print();
  rmSync(FOLDER, { recursive: true, force: true });
  if (tally.offenders.length > 0) process.exitCode = 1;
}

class Tally {
  groups = new Map();
  offenders = [];
  refusals = new Map();

  count(group, command, key) {
    const name = `${group}\n${command}`;
    const counts = this.groups.get(name) ?? { runs: 0, larger: 0, kept: 0, smaller: 0, refused: 0 };
    counts[key]++;
    this.groups.set(name, counts);
  }

  print() {
    const rows = [...this.groups].map(([name, { runs, larger, kept, smaller, refused }]) => [
      ...name.split("\n"),
      runs,
      larger,
      kept,
      smaller,
      refused,
    ]);
    const sum = (key) => [...this.groups.values()].reduce((total, counts) => total + counts[key], 0);
    rows.push(["all", "", sum("runs"), sum("larger"), sum("kept"), sum("smaller"), sum("refused")]);
    printTable(
      "Outputs larger than their inputs (kept: the input's own bytes, as the result would be larger)",
      ["models", "command", "runs", "larger", "kept", "smaller", "refused"],
      rows,
    );
    if (this.refusals.size > 0)
      printTable("Refused or failed", ["first model", "command", "why"], [...this.refusals.values()]);
    if (this.offenders.length > 0)
      printTable("Offenders", ["model", "command", "before", "after"], this.offenders);
  }
}

async function tryModel(tally, group, name, path, calib, isLossyToo) {
  for (const [command, options, needsData] of [...LOSSLESS, ...(isLossyToo ? LOSSY : [])]) {
    if (needsData && calib === undefined) continue;
    const output = join(FOLDER, "out.onnx");
    const done = await tryCommand(
      tally,
      { group, name, path, command, output },
      options && { ...options, ...(needsData ? { calib } : {}) },
    );
    if (!done || !isLossyToo) continue;
    for (const [next, nextOptions] of LOSSLESS)
      await tryCommand(
        tally,
        {
          group,
          name,
          path: output,
          command: `${command}, then ${next}`,
          output: join(FOLDER, "again.onnx"),
        },
        nextOptions,
      );
  }
}

async function tryCommand(tally, { group, name, path, command, output }, options) {
  rmSync(output, { force: true });
  rmSync(`${output}.data`, { force: true });
  tally.count(group, command, "runs");
  try {
    const common = { output, verify: false };
    const { report } =
      options === undefined ? await optimize(path, common) : await compress(path, { ...options, ...common });
    const [before, after] = [bytesOf(path), bytesOf(output)];
    if (after > before) tally.offenders.push([name, command, before, after]);
    tally.count(
      group,
      command,
      after > before ? "larger" : report.unchanged ? "kept" : after < before ? "smaller" : "same",
    );
    return true;
  } catch (error) {
    tally.count(group, command, "refused");
    const why = `${error.code ?? error.name}: ${error.message.slice(0, 120)}`;
    if (!tally.refusals.has(why)) tally.refusals.set(why, [name, command, why]);
    return false;
  }
}

/** The file with the data files that it refers to. */
function bytesOf(path) {
  const locations = new Set(
    GraphEditor.forModel(readModel(path)).flatMap(({ graph: { initializers } }) =>
      initializers.flatMap(({ external }) => external?.location ?? []),
    ),
  );
  return [path, ...[...locations].map((location) => join(dirname(path), location))].reduce(
    (sum, file) => sum + statSync(file).size,
    0,
  );
}
