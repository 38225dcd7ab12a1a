/**
 * How fast a signal ends a run: `edgec compress` and other commands get SIGINT, SIGTERM and SIGHUP at random
 * moments, the same in each run of the bench, half of them sent to the first process as `kill` does and
 * half to all as a terminal does. Time counts until the last process has ended. Linux only.
 *
 *   npm run bench -- signals                  about five minutes
 *   npm run bench -- signals --times 30       so many signals for each command
 *   npm run bench -- signals --only cluster   the commands whose name has this
 */
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fixture } from "./fixtures.mjs";
import { interrupt, lengthOf } from "./interrupted-run.mjs";
import { writeDense } from "./made-models.mjs";
import { mulberry32 } from "../build/numeric/mulberry32.js";
import { printTable } from "./table.mjs";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const DEFAULT_TIMES = 6;
const SEED = 1;
/** Of a signal that reaches a run at its end, or while a file takes its name. */
const [ASKED_MS, ASKED_AT_END_MS] = [1000, 2000];

export default async function signals(args = []) {
  if (process.platform !== "linux")
    throw new Error("this bench looks for processes in /proc: it needs Linux");
  const { count, only } = askedOf(args);
  const folder = mkdtempSync(join(tmpdir(), "bench-dense-"));
  try {
    const found = [];
    let late = 0;
    const random = mulberry32(SEED);
    const [dense, wide] = [512, 1024].map((width) => writeDense(folder, width));
    for (const job of jobsOf(dense, wide).filter(({ name }) => name.includes(only))) {
      const length = job.most ?? (await lengthOf(job));
      for (let k = 0; k < count; k++) {
        const how = { signal: SIGNALS[k % 3], wait: random() * length, toAll: random() < 0.5 };
        const end = await interruptEarlier(job, how);
        if (end) found.push({ ...end, job });
        else late++;
      }
    }
    print(found, late);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * At half the time once more where the run had ended before, as it is faster when the machine has less to
 * do.
 */
async function interruptEarlier(job, how, tries = 4) {
  for (let wait = how.wait; tries > 0; tries--, wait /= 2) {
    const end = await interrupt(job, { ...how, wait });
    if (end) return end;
  }
  return undefined;
}

/**
 * `after` and `before` are debug lines between which the signal comes; without them it may come at any
 * time. Where `most` is given it comes within so many milliseconds, and the run is not carried through
 * first to learn how long it takes.
 */
function jobsOf(dense, wide) {
  const [lenet, resnet, mbv2] = ["lenet", "resnet", "mbv2"].map(fixture);
  const compress = ({ model, calib }, ...flags) => ["compress", model, "--calib", calib, ...flags];
  return [
    { name: "compress mbv2 --int8", args: compress(mbv2, "--int8") },
    {
      name: "compress lenet --prune 0.5 --cluster 16",
      args: compress(lenet, "--prune", "0.5", "--cluster", "16"),
    },
    { name: "compress resnet --prune 0.5", args: compress(resnet, "--prune", "0.5") },
    {
      name: "compress dense layers --prune 0.5 --int8, while it solves",
      args: compress(dense, "--prune", "0.5", "--int8"),
      after: "running prune-magnitude",
      before: "running quantize-int8",
    },
    {
      name: "compress resnet, while it is checked and written",
      args: ["compress", resnet.model],
      after: "running encode-weights",
    },
    { name: "optimize resnet", args: ["optimize", resnet.model] },
    {
      name: "compress wide layers --prune 0.5, while it prunes",
      args: compress(wide, "--prune", "0.5"),
      after: "running prune-magnitude",
      most: 15_000,
    },
    {
      name: "compress wide layers --cluster 16, while it clusters",
      args: compress(wide, "--cluster", "16"),
      after: "running cluster-weights",
      most: 15_000,
    },
    {
      name: "compress resnet --int8 --effort best, while it searches",
      args: compress(resnet, "--int8", "--effort", "best"),
      after: "running quantize-int8",
      most: 8_000,
    },
    { name: "verify", args: ["verify", resnet.model, resnet.model, "--eval", resnet.calib], writes: false },
    { name: "inspect --run", args: ["inspect", resnet.model, "--run"], writes: false },
    {
      name: "bench",
      args: ["bench", wide.model, wide.model, "--runs", "1000000"],
      writes: false,
      most: 6_000,
    },
    {
      name: "sensitivity",
      args: ["sensitivity", resnet.model, "--calib", resnet.calib],
      writes: false,
      most: 8_000,
    },
  ];
}

function askedOf(args) {
  const given = new Map();
  for (let k = 0; k < args.length; k += 2) given.set(args[k], args[k + 1]);
  const { "--times": times = DEFAULT_TIMES, "--only": only = "", ...unknown } = Object.fromEntries(given);
  const count = Number(times);
  if (Object.keys(unknown).length > 0 || only === undefined || !Number.isInteger(count) || count < 1)
    throw new Error(
      "usage: npm run bench -- signals [--times <number of signals for each run>] [--only <part of a name>]",
    );
  return { count, only };
}

function print(ends, late) {
  const columns = [
    "signals",
    "median",
    "95 %",
    "worst",
    "asked",
    "exit codes",
    "files left",
    "processes left",
  ];
  const jobs = [...new Set(ends.map(({ job }) => job))];
  const groups = jobs.map((job) => [job.name, ends.filter((end) => end.job === job)]);
  printTable(
    "from the signal to the end of all processes, by what is interrupted",
    ["run", ...columns],
    [...groups, ["all", ends]].map(([name, group]) => [name, ...figures(group)]),
  );
  printTable(
    "the same by signal",
    ["signal", ...columns],
    SIGNALS.map((signal) => [signal, ends.filter((end) => end.signal === signal)])
      .filter(([, group]) => group.length > 0)
      .map(([signal, group]) => [signal, ...figures(group)]),
  );
  console.log(`a run had ${Math.max(...ends.map(({ processes }) => processes))} processes at most;`);
  console.log(`${late} signals were given up, as the run had always ended before\n`);
  for (const { job, signal, files } of ends.filter(({ files }) => files.length > 0))
    console.log(`left by ${job.name} after ${signal}: ${files.join(", ")}`);
  if (ends.some((end) => isMissed(end))) process.exitCode = 1;
}

function figures(ends) {
  const sorted = ends.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share) =>
    `${sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(0)} ms`;
  const sum = (of) => ends.reduce((total, end) => total + of(end), 0);
  return [
    ends.length,
    at(0.5),
    at(0.95),
    at(1),
    `<= ${ASKED_MS} ms`,
    codesOf(ends),
    sum(({ files }) => files.length),
    sum(({ left }) => left),
  ];
}

/** Such as "130 (10), 143 (9)"; the name of a signal where it came before Node had started. */
function codesOf(ends) {
  const codes = [...new Set(ends.map(({ code }) => code))].sort();
  return codes.map((code) => `${code} (${ends.filter((end) => end.code === code).length})`).join(", ");
}

/**
 * A run that was past its work when the signal came may end as if there had been none. Before Node has
 * started, the signal itself ends it, which shells tell by the same exit code.
 */
function isMissed({ ms, code, signal, files, left }) {
  const isRight = [128 + constants.signals[signal], signal, 0].includes(code);
  return !isRight || ms > (code === 0 ? ASKED_AT_END_MS : ASKED_MS) || files.length > 0 || left > 0;
}
