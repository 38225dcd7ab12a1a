/** What a report says of its passes: what they did to how many nodes and why, their options and their counts. */
import { clipped } from "../errors.js";
import type { PassRecord } from "../run/run-log.js";
import { printable, shortened } from "../units.js";
import type { Report } from "./report.js";

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
