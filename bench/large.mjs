/**
 * A model of 3 GB with external data through `edgec compress --storage int8`, with and without the check in
 * onnxruntime: peak memory of the process and of its child apart, and bytes of input per second. Needs 8 GB
 * of disk in bench/out.
 */
import { mkdirSync, rmSync } from "node:fs";
import { OUT } from "./fixtures.mjs";
import { makeLargeModel } from "./make-large-model.mjs";
import { measurePeaks } from "./peak.mjs";
import { printTable } from "./table.mjs";

const RUNS = [
  ["pass alone (--no-verify)", ["--no-verify"]],
  ["with the check", []],
];

export default async function large() {
  const folder = `${OUT}/large`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  try {
    const { bytes, largestTensor } = makeLargeModel(`${folder}/model.onnx`);
    const limitMiB = (1.5 * largestTensor + 300e6) / 2 ** 20;
    const rows = [];
    for (const [name, flags] of RUNS) {
      const args = [
        "bin/edgec.js",
        "compress",
        `${folder}/model.onnx`,
        "--storage",
        "int8",
        "-o",
        `${folder}/small.onnx`,
        "--quiet",
        ...flags,
      ];
      const { seconds, cpuSeconds, ownMiB, childMiB, status, output } = await measurePeaks(
        process.execPath,
        args,
      );
      if (status !== 0) throw new Error(`edgec ended with ${status}: ${output}`);
      rows.push([
        name,
        `${(bytes / 1e9).toFixed(2)} GB`,
        `${ownMiB.toFixed(0)} MiB`,
        `<= ${limitMiB.toFixed(0)} MiB`,
        childMiB === 0 ? "none" : `${childMiB.toFixed(0)} MiB`,
        `${seconds.toFixed(1)} s`,
        `${cpuSeconds.toFixed(1)} s`,
        `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`,
        name.startsWith("pass") ? ">= 100 MB/s" : "",
      ]);
    }
    printTable(
      `external data, largest tensor ${(largestTensor / 1e6).toFixed(0)} MB`,
      [
        "storage int8",
        "weights",
        "peak memory",
        "asked",
        "of the child",
        "time",
        "processor",
        "speed",
        "asked",
      ],
      rows,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
