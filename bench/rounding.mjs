/**
 * Rounding weights so that errors cancel: processor time and what is left of the error by size, then
 * fidelity and accuracy on the digit models against rounding to nearest, at 8 and 4 bits.
 */
import { compress } from "../build/index.js";
import { descend, errorsOf, lossOf } from "../build/numeric/coordinate-descent.js";
import { ErrorCompensation } from "../build/numeric/error-compensation.js";
import { beginRow, widestScale } from "../build/numeric/rounding-grid.js";
import { TILE } from "../build/numeric/row-products.js";
import { fixture } from "./fixtures.mjs";
import { decibels, printTable, times } from "./table.mjs";

const ROWS = 512;
const LIMITS = { maxCode: 7 };
const STEPS = [
  "optimize",
  "upgrade-opset",
  "quantize-int8",
  "remove-dead",
  "store-int8",
  "remove-dead",
  "deduplicate-initializers",
  "strip-debug-info",
  "encode-weights",
];

export default async function rounding() {
  const sizes = [576, 1152, 2304, 4608].map(bySize);
  printTable(
    `4-bit codes for ${ROWS} rows, seconds of processor time`,
    ["features", "Cholesky", "GPTQ", "descent", "error left by GPTQ", "by both", "by descent alone"],
    sizes,
  );
  const rows = [];
  for (const [name, bits] of [
    ["lenet", 8],
    ["resnet", 8],
    ["mbv2", 8],
    ["vit", 8],
    ["rnn", 8],
    ["resnet", 4],
    ["mbv2", 4],
    ["vit", 4],
  ]) {
    for (const rounds of [false, true]) rows.push(await onModel(name, bits, rounds));
  }
  printTable(
    "weights of 8 and 4 bits with 8-bit activations, first and last layers at 8 (asked: " +
      "mbv2 at 4 bits drops <= 1 point)",
    ["model", "bits", "rounding", "SQNR", "top-1 %", "size"],
    rows,
  );
}

function bySize(n) {
  const h = correlated(n);
  const [factorTime, compensation] = timed(() => ErrorCompensation.of(h, n));
  const sums = { gptq: 0, both: 0, nearest: 0, descent: 0 };
  let [gptqTime, descentTime] = [0, 0];
  const next = normal(n);
  for (let first = 0; first < ROWS; first += TILE) {
    const weights = Array.from({ length: TILE }, () => Float64Array.from({ length: n }, next));
    const tile = () =>
      weights.map((row) => beginRow(row, Math.fround(0.7 * widestScale(row, LIMITS)), LIMITS));
    const rows = tile();
    gptqTime += timed(() => compensation.round(rows, LIMITS))[0];
    const [time, coded] = timed(() => errorsOf(rows, h));
    sums.gptq += total(coded);
    descentTime += time + timed(() => coded.forEach((entry) => descend(entry, h, LIMITS)))[0];
    sums.both += total(coded);
    const nearest = errorsOf(tile().map(toNearest), h);
    sums.nearest += total(nearest);
    nearest.forEach((entry) => descend(entry, h, LIMITS));
    sums.descent += total(nearest);
  }
  const share = (sum) => `${((100 * sum) / sums.nearest).toFixed(1)} %`;
  return [
    n,
    factorTime.toFixed(2),
    gptqTime.toFixed(2),
    descentTime.toFixed(2),
    share(sums.gptq),
    share(sums.both),
    share(sums.descent),
  ];
}

/** Second moments that fall off with distance, of features of unlike size. */
function correlated(n) {
  const next = normal(7);
  const deviations = Float64Array.from({ length: n }, () => Math.exp(0.5 * next()));
  const h = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      h[i * n + j] = deviations[i] * deviations[j] * (Math.exp(-Math.abs(i - j) / 20) + (i === j ? 0.05 : 0));
  return h;
}

function toNearest(row) {
  for (let j = 0; j < row.codes.length; j++) {
    if (row.fixed[j] === 0)
      row.codes[j] = Math.max(
        -LIMITS.maxCode,
        Math.min(LIMITS.maxCode, Math.round(row.weights[j] / row.scale)),
      );
  }
  return row;
}

const total = (coded) => coded.reduce((sum, entry) => sum + lossOf(entry), 0);

/** Processor time rather than that of the clock: other work on the machine does not count. */
function timed(work) {
  const start = process.cpuUsage();
  const result = work();
  return [process.cpuUsage(start).user / 1e6, result];
}

/** Seeded normal deviates: sums of twelve uniform ones. */
function normal(seed) {
  let state = seed;
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return () => {
    let sum = -6;
    for (let k = 0; k < 12; k++) sum += uniform();
    return sum;
  };
}

async function onModel(name, bits, rounds) {
  const f = fixture(name);
  const passes = STEPS.flatMap((step) =>
    rounds && step === "quantize-int8" ? ["round-weights", step] : [step],
  ).join(",");
  const { report } = await compress(f.model, {
    passes,
    weightBits: bits,
    calib: f.calib,
    eval: f.eval,
    output: f.out(`rounding-${bits}`),
    force: true,
    packedSizes: false,
  });
  const { fidelity, accuracy, size } = report;
  return [
    name,
    bits,
    rounds ? "errors cancel" : "nearest",
    decibels(Object.values(fidelity?.outputs ?? {})[0]?.sqnrDb),
    `${accuracy.original} -> ${accuracy.compressed}`,
    times(size.ratio),
  ];
}
