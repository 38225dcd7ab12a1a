/** What `edgec sensitivity` prints for a person: a table with bars. */
import type { SensitivityReport } from "../pipeline/sensitivity.js";
import { textTable } from "./text-table.js";
import { percentText, plural, printable, shortened } from "./units.js";

const BAR = 30;
/** The score of equal outputs: alone among float neighbours the node does not repay its Q/DQ pairs, and is not quantized. */
const EQUAL_DB = 150;

export function sensitivityText({ model, source, allDb, nodes, left }: SensitivityReport): string {
  const noise = (db: number): number => 10 ** (-db / 10);
  const largest = Math.max(...nodes.map(({ db }) => noise(db)), Number.MIN_VALUE);
  const rows = nodes.map(({ name, opType, share, db }) => [
    shortened(printable(name)), printable(opType), percentText(share), db >= EQUAL_DB ? "stays float when alone" : `${db.toFixed(1)} dB`, "█".repeat(Math.round((BAR * noise(db)) / largest)),
  ]);
  const facts = `${printable(model)} with one node in int8 at a time, judged on ${printable(source)}; with all in int8 ${allDb.toFixed(1)} dB`;
  const unseen = left > 0 ? [`${plural(left, "node")} not measured`] : [];
  return `${[...textTable([["node", "operator", "MACs", "SQNR", "noise"], ...rows], [0, 1, 4]), "", facts, ...unseen].join("\n")}\n`;
}
