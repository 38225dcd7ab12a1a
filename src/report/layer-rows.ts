/** The nodes with weights or MACs as rows of a table. */
import type { InspectedNode, InspectedWeight, Inspection, Possibility } from "../inspect/inspection.js";
import { operatorName } from "../ir/index.js";
import { flagKey } from "../plan/registered-pass.js";
import { findPass } from "../plan/registry.js";
import { bytesText, countText, percentText, printable, shortened } from "../units.js";

export type LayerSort = "bytes" | "macs" | "name";

const NAME_WIDTH = 36;

/** Smaller constants are shapes, axes and bounds. Bytes. */
const SMALLEST = 64;

/** Whether a row belongs in a short table. */
function tells({ bytes, macs }: InspectedNode): boolean {
  return bytes >= SMALLEST || macs !== 0;
}

interface LayerRows {
  readonly rows: readonly string[][];
  /** Number of layers without a row. */
  readonly left: number;
}

/**
 * All layers, or the first `most` that matter, by `sort`. Cells: layer, operator, its largest weight,
 * bytes, MACs, zeros, range, distinct values, passes that apply.
 */
export function layerRows(inspection: Inspection, sort: LayerSort, most = Infinity): LayerRows {
  const weights = largestWeights(inspection.weights);
  const passes = inspection.possibilities && applicable(inspection.possibilities);
  const isWhole = most === Infinity;
  const name = (text: string): string => (isWhole ? printable(text) : shortened(printable(text), NAME_WIDTH));
  const layers = inspection.nodes.filter(({ bytes, macs }) => bytes > 0 || macs !== 0);
  const shown = (isWhole ? layers : layers.filter(tells)).sort(order(sort)).slice(0, most);
  const rows = shown.map((node) => [
    name(node.name),
    printable(operatorName(node)),
    ...weightCells(weights.get(key(node.scope, node.name)), node),
    ...(passes ? [[...(passes.get(node.name) ?? [])].join(" ")] : []),
  ]);
  return { rows, left: layers.length - shown.length };
}

function order(sort: LayerSort): (a: InspectedNode, b: InspectedNode) => number {
  if (sort === "name") return (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  // Unknown MACs may be the largest of all.
  const macs = ({ macs: known }: InspectedNode): number => known ?? Infinity;
  const byMacs = (a: InspectedNode, b: InspectedNode): number =>
    macs(a) === macs(b) ? 0 : macs(b) - macs(a);
  return sort === "macs"
    ? (a, b) => byMacs(a, b) || b.bytes - a.bytes
    : (a, b) => b.bytes - a.bytes || byMacs(a, b);
}

function weightCells(weight: InspectedWeight | undefined, { bytes, macs }: InspectedNode): string[] {
  const cost = [bytes === 0 ? "" : bytesText(bytes), macs === null ? "?" : macs === 0 ? "" : countText(macs)];
  if (!weight) return ["", ...cost, "", "", ""];
  const { type, shape, statistics, elements, stored } = weight;
  const dims = shape ? shape.map((dim) => printable(String(dim ?? "?"))).join("×") || "scalar" : "?";
  const form = `${printable(type)} ${dims}${stored === "inline" ? "" : `, ${stored}`}`;
  if (!statistics) return [form, ...cost, "", "", ""];
  const { zeros, min, max, distinct, nan, infinite } = statistics;
  const broken = [...(nan > 0 ? ["NaN!"] : []), ...(infinite > 0 ? ["Inf!"] : [])];
  const range = min === null || max === null ? "" : `${rangeText(min)} … ${rangeText(max)}`;
  return [
    form,
    ...cost,
    zeros === 0 ? "" : percentText(zeros / elements),
    [range, ...broken].filter(Boolean).join(" "),
    distinct === null ? "" : String(distinct),
  ];
}

function rangeText(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function key(scope: string, node: string): string {
  return JSON.stringify([scope, node]);
}

function largestWeights(weights: readonly InspectedWeight[]): Map<string, InspectedWeight> {
  const largest = new Map<string, InspectedWeight>();
  for (const weight of weights) {
    if (weight.node === null) continue;
    const place = key(weight.scope, weight.node);
    if (weight.bytes > (largest.get(place)?.bytes ?? -1)) largest.set(place, weight);
  }
  return largest;
}

/** For each node, the command-line names of the passes that would change it. */
function applicable(possibilities: readonly Possibility[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const { pass, node, status } of possibilities) {
    if (status !== "changed" || node === null) continue;
    const { flag } = findPass(pass);
    found.set(node, (found.get(node) ?? new Set()).add(flag ? flagKey(flag) : pass));
  }
  return found;
}
