/**
 * The before → after figures of a report, as cells that the terminal and Markdown reports lay out in their own
 * way.
 */
import { clipped } from "../errors.js";
import type { PassRecord } from "../run/run-log.js";
import type { Fidelity, Latency, LatencyVerdict, OutputFidelity } from "../verify/index.js";
import { latencyVerdict } from "../verify/latency-verdict.js";
import type { Report } from "./report.js";
import {
  bytesText,
  decibelText,
  millisecondsText,
  percentText,
  plural,
  printable,
  ratioText,
  shortened,
} from "../units.js";
import { option } from "../option-names.js";

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

/** "logits: 39.7 dB, cosine 0.99995, largest error 0.41, 99.8 % the same top class" for each output. */
export function fidelityLines({ outputs, samples, indirect = [] }: Fidelity): string[] {
  const figures = Object.entries(outputs).map(
    ([name, output]) => `${printable(name)}: ${outputText(output, samples)}`,
  );
  return [...indirect.map(indirectLine), ...figures];
}

function indirectLine({ output, type, standIns }: NonNullable<Fidelity["indirect"]>[number]): string {
  const how = standIns.length === 0 ? "not compared" : `compared by ${standIns.map(printable).join(", ")}`;
  return `${printable(output)}: ${how}, because it is ${printable(type)}`;
}

function outputText(output: OutputFidelity, samples: number): string {
  const { sqnrDb, cosine, agreement, maxAbsError, top1Agreement, otherSize, nearZero } = output;
  if (otherSize > 0) {
    return (
      `a different number of results in ${otherSize} of ${samples} samples; compare them with ` +
      `a metric of your own (${option("metric")})`
    );
  }
  if (sqnrDb === null && maxAbsError === 0) return "equal";
  if (agreement !== null) return `${percentText(agreement)} of the values are equal`;
  const top = top1Agreement === null ? "" : `, ${percentText(top1Agreement)} the same top class`;
  const error = `largest error ${maxAbsError.toPrecision(3)}${top}`;
  if (nearZero) return `signal near zero, ${error} (${decibelText(sqnrDb)}, which says little)`;
  return `${decibelText(sqnrDb)}, cosine ${(cosine ?? 0).toFixed(5)}, ${error}`;
}

/** The data and the runtime of the measurements. */
export function provenanceLines({
  target,
  emulation,
  search,
  accuracy,
  fidelity,
  latency,
  executed,
  across,
}: Report): string[] {
  const lines: string[] = [];
  if (target && target.name !== "generic")
    lines.push(`target: ${target.name}${target.origin === null ? "" : ` (${target.origin})`}`);
  if (search?.prediction) lines.push(predictionLine(search.prediction));
  if (emulation)
    lines.push(
      `emulated: ${emulation.target}; ${emulation.pairsAtRisk} of ` +
        `${plural(emulation.pairs, "pair")} of int8 weights can saturate, in ` +
        plural(emulation.layersAtRisk + emulation.layersNotCovered, "layer"),
    );
  if (latency)
    lines.push(
      `latency: ${latency.runtime}, ${plural(latency.threads, "thread")}, ` +
        `${plural(latency.runs, "interleaved run")} of each model`,
    );
  if (accuracy) lines.push(`accuracy: ${plural(accuracy.samples, "labelled sample")}`);
  if (fidelity) lines.push(`fidelity: ${plural(fidelity.samples, "sample")} of ${fidelity.source}`);
  if (executed)
    lines.push(
      `executed: ${plural(executed.int8Kernels, "int8 kernel")}, ${executed.floatKernels} ` +
        `in float, ${executed.strayQdq} remaining Q/DQ or decode nodes`,
    );
  if (across)
    lines.push(`across runtimes and levels: ${plural(across.samples, "sample")} of ${across.source}`);
  return lines;
}

function predictionLine({
  target,
  floatNodes,
  int8,
  chosen,
}: NonNullable<NonNullable<Report["search"]>["prediction"]>): string {
  const other = floatNodes.length > 0 ? `, ${int8.toFixed(2)} with all layers in int8` : "";
  return `predicted: ${chosen.toFixed(2)} of float's time on ${target}, by its cost table${other}`;
}

interface StatusCount {
  readonly pass: string;
  readonly status: "changed" | "kept";
  readonly reason: string;
  readonly count: number;
  readonly examples: readonly string[];
}

/**
 * Nodes by pass, status and reason, the most frequent first within a pass. Reasons that differ only in numbers
 * are merged, with the range of each number.
 */
export function statusCounts({ nodes }: Pick<Report, "nodes">): StatusCount[] {
  const groups = new Map<
    string,
    { pass: string; status: "changed" | "kept"; reasons: string[]; count: number; examples: string[] }
  >();
  for (const { pass, status, reason, name } of nodes) {
    const key = [pass, status, reason.replaceAll(NUMBER, "N")].join("\n");
    const group = groups.get(key) ?? { pass, status, reasons: [], count: 0, examples: [] };
    group.reasons.push(reason);
    group.count++;
    if (group.examples.length < 3) group.examples.push(shortened(printable(name)));
    groups.set(key, group);
  }
  const order = [...new Set(nodes.map((node) => node.pass))];
  return [...groups.values()]
    .map(({ reasons, ...group }) => ({ ...group, reason: clipped(printable(withRanges(reasons))) }))
    .sort((a, b) => order.indexOf(a.pass) - order.indexOf(b.pass) || b.count - a.count);
}

const NUMBER = /(?<![\w.])\d+(\.\d+)?/g;

/** Merges reasons that differ only in numbers: "30.0 to 80.5 % of 864 to 36864 weights are zero". */
function withRanges([first = "", ...others]: readonly string[]): string {
  const lowest = first.match(NUMBER) ?? [];
  const highest = [...lowest];
  for (const other of others) {
    (other.match(NUMBER) ?? []).forEach((text, k) => {
      if (Number(text) < Number(lowest[k])) lowest[k] = text;
      if (Number(text) > Number(highest[k])) highest[k] = text;
    });
  }
  let k = 0;
  return first.replaceAll(NUMBER, () => {
    const [low = "", high = ""] = [lowest[k], highest[k++]];
    return low === high ? low : `${low} to ${high}`;
  });
}

/** The passes to show: those that changed something, or kept nodes unchanged. */
export function tellingPasses({ passes, nodes }: Report): PassRecord[] {
  return passes.filter((pass) => pass.modified || nodes.some((node) => node.pass === pass.name));
}

/** "ratio 0.3, refit true": the options of a pass, without empty ones. */
export function optionsText(options: Readonly<Record<string, unknown>>): string {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

/** Nonzero counts of a pass. */
export function statsText(stats: Readonly<Record<string, number>>): string {
  return Object.entries(stats)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => `${name} ${Number.isInteger(value) ? value : value.toPrecision(4)}`)
    .join(", ");
}
