/** What `edgec bench` prints for a person. */
import type { BenchResult } from "../compare/bench.js";
import { textTable } from "./text-table.js";
import { millisecondsText, percentText, plural, printable, ratioText } from "../units.js";

export function benchText({ runtime, threads, source, models }: BenchResult): string {
  const rows = models.map(({ path, p50Ms, p95Ms, minMs, spread, speedup }) => [
    printable(path),
    millisecondsText(p50Ms),
    millisecondsText(p95Ms),
    millisecondsText(minMs),
    percentText(spread),
    ratioText(speedup),
  ]);
  const table = textTable([["model", "median", "95th percentile", "fastest", "spread", "speed"], ...rows]);
  const facts =
    `${runtime}, ${plural(threads, "thread")}, ` +
    `${plural(models[0]?.runs ?? 0, "interleaved run")} of each model on ` +
    `${printable(source)}; spread: interquartile range ÷ median`;
  return `${[...table, "", facts].join("\n")}\n`;
}
