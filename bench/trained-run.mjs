/** One run of `compress --int8` on a trained model, and what the model that it wrote keeps. */
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { spawn } from "node:child_process";
import { judged } from "./trained-material.mjs";
import { median } from "./trained-figures.mjs";

const HERE = fileURLToPath(new URL("..", import.meta.url));
/** SQNR of a sample that comes out equal, dB: a number, so that medians and differences hold. */
const EQUAL_DB = 150;

/** @param against another checkout, whose processor time is measured as well */
export async function compressed({ subject, seed, effort, more, against }) {
  const run = await runOf(HERE, { subject, seed, effort, more });
  if (against === undefined || run.failure !== undefined) return run;
  const other = await runOf(against, { subject, seed, effort, more, suffix: "against" });
  return { ...run, other };
}

async function runOf(checkout, { subject, seed, effort, more, suffix = "edgec" }) {
  const request = { subject, seed, effort };
  const output = subject.out(`${suffix}-${effort}-${seed}.onnx`);
  const report = `${output}.json`;
  for (const path of [output, report, `${output}.search.json`]) rmSync(path, { force: true });
  const flags = ["--int8", "--effort", effort, "--calib", subject.calib(seed), "--threads", "1"];
  const target = more.includes("--target") ? [] : ["--target", "native"];
  const places = ["-o", output, "--report", report, "--force", "--quiet"];
  const command = [
    `${checkout}/bin/edgec.js`,
    "compress",
    subject.model,
    ...flags,
    ...target,
    ...places,
    ...more,
  ];
  const { status, errors, ...measured } = await processorTime(process.execPath, command);
  // A gate that failed leaves the model and the report.
  if (status > 1) return { ...request, failure: `exit ${status}: ${errors.trim().split("\n")[0]}` };
  try {
    return { ...request, ...measured, ...reported(report), ...kept(judged(subject, output)) };
  } catch (error) {
    return { ...request, failure: error.message };
  } finally {
    rmSync(output, { force: true });
  }
}

/** Processor time of a command and all processes that it starts, which a shell adds up: nothing polls meanwhile. */
async function processorTime(command, args) {
  const shell = spawn("sh", ["-c", '"$@"; status=$?; times >&2; exit $status', "sh", command, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  shell.stderr.on("data", (chunk) => (errors += chunk));
  const status = await new Promise((resolve) => shell.on("close", resolve));
  const [, all] = errors.trim().split("\n").slice(-2);
  const seconds = [...(all ?? "").matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => 60 * Number(m) + Number(s));
  return { status, errors, cpuSeconds: seconds.reduce((sum, own) => sum + own, 0) };
}

function reported(path) {
  const { size, latency, warnings, fidelity, decisions } = JSON.parse(readFileSync(path, "utf8"));
  const told = Object.values(fidelity?.outputs ?? {}).map(({ sqnrDb }) => sqnrDb ?? Infinity);
  const { kept = [], floatNodes = [], storedOnly } = decisions ?? {};
  const decided = [
    ...kept,
    ...(floatNodes.length > 0 ? [`${floatNodes.length} nodes in float`] : []),
    ...(storedOnly ? ["int8 storage only"] : []),
  ].join(", ");
  return { size: size.ratio, speed: latency?.speedup, told: Math.min(...told), decided, warnings };
}

/** The output that keeps least speaks for the model; agreement is the lowest of all. */
function kept(outputs) {
  const rows = Object.values(outputs).map((output) => ({
    ...output,
    sqnr: output.sqnr.map((value) => value ?? EQUAL_DB),
    atOutput: median(output.atOutput.map((value) => value ?? EQUAL_DB)),
  }));
  const medians = rows.map(({ sqnr }) => median(sqnr));
  const least = medians.indexOf(Math.min(...medians));
  const classes = rows.filter(({ kind, agreement }) => kind === "classes" && agreement !== null);
  const agreements = rows.map(({ agreement }) => agreement).filter((value) => value !== null);
  return {
    sqnr: medians[least],
    atOutput: Math.min(...rows.map((row) => row.atOutput)),
    worst: Math.min(...rows[least].sqnr),
    samples: rows[least].sqnr,
    agreement: agreements.length > 0 ? Math.min(...agreements) : undefined,
    kinds: [...new Set(rows.map(({ kind }) => kind))],
    atFloor: atFloor(rows, classes),
    outputs,
  };
}

/** 98 % of classes, and 20 dB where an output is none. */
function atFloor(rows, classes) {
  const values = rows.filter((row) => !classes.includes(row));
  return (
    classes.every(({ agreement }) => agreement >= 0.98) && values.every(({ sqnr }) => median(sqnr) >= 20)
  );
}
