/**
 * What int8 keeps of accuracy and gains in speed, by effort, beside onnxruntime's quantizer; whether a
 * budget of half a point is met; and what weights of 4 bits cost. Calibration data and evaluation data
 * never overlap. Takes some ten minutes. EDGEC_ACCURACY_ONLY is a pattern of models' names. The PP-OCRv4
 * models need Python with numpy, pillow and fonts.
 */
import { rmSync } from "node:fs";
import { compress, verify } from "../build/index.js";
import { fixture, OUT } from "./fixtures.mjs";
import { hasPeer, peerQuantize } from "./peers.mjs";
import { ocrFixture, renderText } from "./rendered-text.mjs";
import { decibels, printTable, times } from "./table.mjs";

const ONLY = new RegExp(process.env.EDGEC_ACCURACY_ONLY ?? "");
/** Asked of effort "best": fidelity and speed on a CPU with VNNI, one thread. */
const ASKED = {
  resnet: ">= 41 dB, >= 2.7x",
  mbv2: ">= 39 dB, >= 1.4x",
  vit: ">= 42 dB, >= 1.6x",
  rnn: ">= 48 dB, >= 1.5x",
  lenet: "not slower",
  rec: ">= 20 dB, no character lost, size >= 3.4x, >= 1.25x",
  det: ">= 25 dB, size >= 3x, not slower",
  cls: ">= 25 dB, size >= 3x, not slower",
};
const OCR_MODELS = ["rec", "det", "cls"];
const EFFORTS = ["best", "balanced"];
const PEER_MODES = ["static", "dynamic"];
const PEER_TIMEOUT_MS = 900_000;
/**
 * Half a point of accuracy, which `maxDrop` takes as a share for top-1 and in a metric's own unit, here
 * percent, for a module.
 */
const BUDGET = { share: 0.005, points: 0.5 };
const BUDGET_SECONDS = 180;

export default async function accuracy() {
  const subjects = available(Object.keys(ASKED).filter((name) => ONLY.test(name)));
  await byEffort(subjects);
  await withinBudget(subjects);
  await atFourBits(subjects.filter(({ name }) => ["mbv2", "resnet"].includes(name)));
}

/** The models and their data; says which are left out and why. */
function available(names) {
  const wantsText = names.some((name) => OCR_MODELS.includes(name));
  const failure = wantsText ? renderText() : undefined;
  if (failure !== undefined)
    console.log(`PP-OCRv4 is left out, as its data could not be drawn: ${failure}\n`);
  return names
    .filter((name) => failure === undefined || !OCR_MODELS.includes(name))
    .map((name) => (OCR_MODELS.includes(name) ? ocrFixture(name) : fixture(name)));
}

async function byEffort(subjects) {
  const rows = [];
  for (const subject of subjects) {
    for (const effort of EFFORTS) {
      const { report, seconds } = await timed(subject, effort, { effort });
      rows.push([
        subject.name,
        `edgec ${effort}`,
        ...figures(report),
        seconds,
        decided(report),
        effort === "best" ? ASKED[subject.name] : "",
      ]);
      progress(rows);
    }
    for (const mode of hasPeer() ? PEER_MODES : []) {
      rows.push(await peerRow(subject, mode));
      progress(rows);
    }
  }
  printTable(
    "int8 by effort, one thread (asked: on a CPU with VNNI)",
    ["model", "tool", "size", "SQNR", "speed", "accuracy", "seconds", "decided", "asked"],
    rows,
  );
}

async function peerRow(subject, mode) {
  const path = subject.out(`peer-${mode}`);
  const start = performance.now();
  const failure = peerQuantize(mode, subject.model, subject.calib, path, PEER_TIMEOUT_MS);
  const seconds = secondsSince(start);
  if (failure !== undefined)
    return [subject.name, `onnxruntime ${mode}`, "-", "-", "-", "-", seconds, failure, ""];
  const { eval: evaluation, labels, metric } = subject;
  try {
    const report = await verify(subject.model, path, defined({ eval: evaluation, labels, metric }));
    return [
      subject.name,
      `onnxruntime ${mode}`,
      ...figures(report),
      seconds,
      "quantized only, not compared",
      "",
    ];
  } catch (error) {
    return [
      subject.name,
      `onnxruntime ${mode}`,
      "-",
      "-",
      "-",
      "-",
      seconds,
      error.message.replaceAll(`${OUT}/`, "").slice(0, 120),
      "",
    ];
  } finally {
    rmSync(path, { force: true });
  }
}

async function withinBudget(subjects) {
  const rows = [];
  for (const subject of subjects) {
    const { report, seconds } = await timed(subject, "budget", {
      maxDrop: subject.metric ? BUDGET.points : BUDGET.share,
    });
    const [size, , speed, change] = figures(report);
    rows.push([
      subject.name,
      report.verdict.ok ? "met" : "NOT MET",
      `${report.accuracy.drop.toFixed(2)} points`,
      change,
      size,
      speed,
      seconds,
      decided(report),
    ]);
    progress(rows);
  }
  printTable(
    `a budget of ${BUDGET.points} points: --max-drop ${BUDGET.share} (asked: met within ${BUDGET_SECONDS} s each)`,
    ["model", "budget", "drop", "accuracy", "size", "speed", "seconds", "decided"],
    rows,
  );
}

async function atFourBits(subjects) {
  const rows = [];
  for (const subject of subjects) {
    const { report, seconds } = await timed(subject, "4-bit", { weightBits: 4 });
    rows.push([subject.name, `${report.accuracy.drop.toFixed(2)} points`, ...figures(report), seconds]);
    progress(rows);
  }
  if (rows.length > 0)
    printTable(
      "weights of 4 bits: --weight-bits 4 (asked: at most 1 point of top-1)",
      ["model", "drop", "size", "SQNR", "speed", "top-1", "seconds"],
      rows,
    );
}

/** Runs `compress --int8` as a first run: nothing of a search that was broken off is taken up. */
async function timed(subject, suffix, options) {
  const { model, calib, eval: evaluation, labels, metric } = subject;
  const output = subject.out(suffix);
  for (const path of [output, `${output}.search.json`]) rmSync(path, { force: true });
  const start = performance.now();
  const { report } = await compress(model, {
    int8: true,
    calib,
    output,
    ...defined({ eval: evaluation, labels, metric }),
    ...options,
  });
  return { report, seconds: secondsSince(start) };
}

/** Size, the lowest SQNR of an output, speed, accuracy. */
function figures({ size, fidelity, latency, accuracy }) {
  const least = Math.min(...Object.values(fidelity?.outputs ?? {}).map(({ sqnrDb }) => sqnrDb ?? Infinity));
  const change = accuracy ? `${accuracy.original.toFixed(2)} -> ${accuracy.compressed.toFixed(2)} %` : "-";
  return [
    times(size.ratio),
    fidelity ? decibels(Number.isFinite(least) ? least : null) : "-",
    times(latency?.speedup),
    change,
  ];
}

/** What the run found worth it. */
function decided({ decisions }) {
  const { kept, floatNodes, storedOnly } = decisions;
  return (
    [
      ...kept,
      ...(floatNodes.length > 0 ? [`${floatNodes.length} nodes in float`] : []),
      ...(storedOnly ? ["int8 storage only"] : []),
    ].join(", ") || "int8 alone"
  );
}

const secondsSince = (start) => ((performance.now() - start) / 1000).toFixed(1);
const defined = (options) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
/** A line when it is known: the whole takes minutes. */
const progress = (rows) => console.error(rows.at(-1).join("  "));
