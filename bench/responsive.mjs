/**
 * How long the library keeps the main thread of a program to itself: `compress` runs in this process, while
 * a timer that is due at each millisecond ticks. The longest time between two ticks is how long a request,
 * a timer or an AbortSignal of the program's may have to wait. Other work on the machine lengthens it as
 * well: see the load above.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { compress } from "../build/index.js";
import { writeDense } from "./made-models.mjs";
import { fixture, OUT } from "./fixtures.mjs";
import { printTable } from "./table.mjs";

const FOLDER = join(OUT, "responsive");
const TICK_MS = 1;
/** What a person notices. */
const NOTICED_MS = 100;
/** A signal or an abort has to end the run within it. */
const ASKED_MS = 1000;

export default async function responsive() {
  mkdirSync(FOLDER, { recursive: true });
  try {
    const dense = writeDense(FOLDER, 768);
    const [resnet, mbv2] = [fixture("resnet"), fixture("mbv2")];
    const rows = [];
    for (const [name, { model, calib }, options] of [
      ["three dense layers of 768, --prune 0.5", dense, { prune: 0.5 }],
      ["three dense layers of 768, --int8 --weight-bits 4", dense, { int8: true, weightBits: 4 }],
      ["resnet, --int8 --weight-bits 4", resnet, { int8: true, weightBits: 4 }],
      ["resnet, --prune 0.5", resnet, { prune: 0.5 }],
      ["mbv2, --int8", mbv2, { int8: true }],
    ])
      rows.push([name, ...figures(await blocksIn(() => compress(model, { ...options, calib })))]);
    printTable(
      "the main thread of a program that calls compress() with calibration data",
      ["run", "seconds", "longest block", "share", "blocks over 0.1 s", "in all", "asked"],
      rows,
    );
  } finally {
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

/** All times in which no timer ran, in milliseconds, and that of the whole. */
async function blocksIn(job) {
  const blocks = [];
  const start = performance.now();
  let last = start;
  const note = () => {
    const now = performance.now();
    blocks.push(now - last - TICK_MS);
    last = now;
  };
  const timer = setInterval(note, TICK_MS);
  try {
    await job();
  } finally {
    clearInterval(timer);
    note();
  }
  return { blocks, total: performance.now() - start };
}

function figures({ blocks, total }) {
  const longest = blocks.reduce((most, block) => Math.max(most, block), 0);
  const noticed = blocks.filter((block) => block > NOTICED_MS);
  const sum = noticed.reduce((all, block) => all + block, 0);
  if (longest > ASKED_MS) process.exitCode = 1;
  return [
    (total / 1000).toFixed(1),
    `${longest.toFixed(0)} ms`,
    `${((100 * longest) / total).toFixed(1)} %`,
    noticed.length,
    `${(sum / 1000).toFixed(1)} s`,
    `<= ${ASKED_MS} ms`,
  ];
}
