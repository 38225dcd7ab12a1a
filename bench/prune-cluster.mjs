/** Pruning and clustering stored in the file: size, accuracy and speed on the digit models. */
import { compress } from "../build/index.js";
import { fixture } from "./fixtures.mjs";
import { printTable, times } from "./table.mjs";

const RUNS = [
  ["lenet", { prune: 0.8, cluster: 16 }, ">= 15x, <= 0.5 points, >= 0.95x"],
  ["resnet", { prune: 0.8, cluster: 16 }, ">= 16x, <= 0.5 points, >= 0.95x"],
  ["resnet", { prune: 0.3, int8: true }, "<= 0.5 points, >= 2.7x"],
];

export default async function pruneCluster() {
  const rows = [];
  for (const [name, options, asked] of RUNS) {
    const f = fixture(name);
    const flags = Object.entries(options)
      .map(([key, value]) => `--${key}${value === true ? "" : ` ${value}`}`)
      .join(" ");
    const { report } = await compress(f.model, {
      ...options,
      calib: f.calib,
      eval: f.eval,
      output: f.out(Object.keys(options).join("-")),
      force: true,
      packedSizes: true,
    });
    const { size, accuracy, latency } = report;
    rows.push([
      name,
      flags,
      times(size.ratio),
      `${size.compressed.raw}`,
      times(size.original.gzip / size.compressed.gzip),
      `${accuracy.original} -> ${accuracy.compressed}`,
      times(latency?.speedup),
      asked,
    ]);
    for (const warning of report.warnings.filter(({ id }) => id.includes("prun")))
      console.log(`  ${name}: ${warning.message}`);
  }
  printTable(
    "pruning and clustering, one thread",
    ["model", "flags", "size", "bytes", "gzipped", "top-1 %", "speed", "asked"],
    rows,
  );
}
