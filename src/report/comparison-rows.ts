/** The before → after figures of a report, as cells that the terminal and Markdown lay out in their own way. */
import { bytesText, millisecondsText, ratioText } from "../units.js";
import type { Latency, LatencyVerdict } from "../verify/index.js";
import { latencyVerdict } from "../verify/latency-verdict.js";
import type { Report } from "./report.js";

interface ComparisonRow {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  /** "3.78× smaller". */
  readonly change: string;
  /** Whether the change is an improvement; undefined if neither. */
  readonly better?: boolean;
}

export function comparisonRows(report: Report): ComparisonRow[] {
  return [...sizeRows(report), ...latencyRows(report), ...loadRows(report), ...accuracyRows(report)];
}

function sizeRows({ size: { original, compressed } }: Report): ComparisonRow[] {
  const forms = [
    ["size", "raw"],
    ["size, gzip", "gzip"],
    ["size, brotli", "brotli"],
  ] as const;
  return forms.flatMap(([name, form]) => {
    const [before, after] = [original[form], compressed[form]];
    // Too large to compress.
    if (before === null || after === null) return [];
    const ratio = before / after;
    const change =
      Math.abs(ratio - 1) < 0.005
        ? "the same"
        : ratio > 1
          ? `${ratioText(ratio)} smaller`
          : `${ratioText(1 / ratio)} larger`;
    return { name, before: bytesText(before), after: bytesText(after), change, ...direction(ratio, 0.005) };
  });
}

function latencyRows({ latency, target }: Report): ComparisonRow[] {
  if (!latency) return [];
  const { original, compressed } = latency;
  const { change, ratio } = latencyVerdict(latency);
  const isClear = change === "faster" || change === "slower";
  const here = latency.runtime.startsWith("onnxruntime-web")
    ? " in WebAssembly"
    : target?.isThisMachine === false
      ? " on this machine"
      : "";
  return [
    {
      name: `latency${here}, median`,
      before: millisecondsText(original.p50Ms),
      after: millisecondsText(compressed.p50Ms),
      change: latencyText(latency, change, ratio),
      ...(isClear ? { better: change === "faster" } : {}),
    },
    {
      name: `latency${here}, 95th percentile`,
      before: millisecondsText(original.p95Ms),
      after: millisecondsText(compressed.p95Ms),
      change: "",
    },
  ];
}

/** If the median of the rounds and the ratio of the medians differ by more than a tenth, neither is reported. */
const CERTAIN = 0.1;

/** A reported change is the ratio of the medians in the same row. */
function latencyText(
  { speedup, speedupRange: [low, high] }: Latency,
  change: LatencyVerdict["change"],
  ratio: number,
): string {
  const isCertain = Math.abs(Math.log(ratio / speedup)) < CERTAIN;
  if (!isCertain && change !== "unclear")
    return `${change}, half of the rounds by ${low.toFixed(2)}× to ${high.toFixed(2)}×`;
  switch (change) {
    case "faster":
      return `${ratioText(ratio)} faster`;
    case "slower":
      return `${ratioText(1 / ratio)} slower`;
    case "same":
      return "the same within 3 %";
    case "unclear":
      return `within the noise: half of the rounds gave ${low.toFixed(2)}× to ${high.toFixed(2)}×`;
  }
}

/** Times of single loads, and memory beside the runtime's own, repeat within so much. */
const LOAD_NOISE = 0.15;
/** Loads below these are not shown. */
const SHORT_MS = 50;
const SMALL_BYTES = 2 ** 24;

function loadRows({ load }: Report): ComparisonRow[] {
  if (!load) return [];
  const { original, compressed, timeRatio, memoryRatio } = load;
  const isShort = Math.max(original.ms, compressed.ms) < SHORT_MS;
  const isSmall = Math.max(original.peakBytes, compressed.peakBytes) < SMALL_BYTES;
  return [
    {
      name: "load time, processor",
      before: millisecondsText(original.ms),
      after: millisecondsText(compressed.ms),
      ...loadChange(isShort ? 1 : timeRatio),
    },
    {
      name: "load memory, peak",
      before: bytesText(original.peakBytes),
      after: bytesText(compressed.peakBytes),
      ...loadChange(isSmall ? 1 : memoryRatio),
    },
  ];
}

function loadChange(ratio: number): Pick<ComparisonRow, "change" | "better"> {
  if (!Number.isFinite(ratio) || Math.abs(Math.log(ratio)) < LOAD_NOISE) return { change: "about the same" };
  return ratio < 1
    ? { change: `${ratioText(1 / ratio)} less`, better: true }
    : { change: `${ratioText(ratio)} more`, better: false };
}

function accuracyRows({ accuracy }: Report): ComparisonRow[] {
  if (!accuracy) return [];
  const { metric, original, compressed, drop } = accuracy;
  const change =
    drop === 0 ? "the same" : `${Math.abs(drop).toFixed(2)} points ${drop > 0 ? "lower" : "higher"}`;
  return [
    {
      name: metric,
      before: original.toFixed(2),
      after: compressed.toFixed(2),
      change,
      ...(drop === 0 ? {} : { better: drop < 0 }),
    },
  ];
}

function direction(ratio: number, tolerance: number): { better?: boolean } {
  return Math.abs(ratio - 1) < tolerance ? {} : { better: ratio > 1 };
}
