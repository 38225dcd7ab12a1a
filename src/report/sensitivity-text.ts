/** What `edgec sensitivity` prints for a person: a table with bars. */
import { EQUAL_DB } from "../fidelity/index.js";
import type { SensitivityReport } from "../compare/sensitivity.js";
import { textTable } from "./text-table.js";
import { percentText, plural, printable, shortened } from "../units.js";

const BAR = 30;

export function sensitivityText({ model, source, allDb, nodes, left }: SensitivityReport): string {
  const noise = (db: number): number => 10 ** (-db / 10);
  const largest = Math.max(...nodes.map(({ db }) => noise(db)), Number.MIN_VALUE);
  const rows = nodes.map(({ name, opType, share, db }) => [
    shortened(printable(name)),
    printable(opType),
    percentText(share),
    // Surrounded by float nodes, it does not repay its Q/DQ pairs and is not quantized: outputs are equal.
    db >= EQUAL_DB ? "stays in float on its own" : `${db.toFixed(1)} dB`,
    "█".repeat(Math.round((BAR * noise(db)) / largest)),
  ]);
  const facts =
    `${printable(model)} with one node in int8 at a time, compared on ` +
    `${printable(source)}; all nodes in int8: ${allDb.toFixed(1)} dB`;
  const unseen = left > 0 ? [`${plural(left, "node")} not measured`] : [];
  const table = textTable([["node", "operator", "MACs", "SQNR", "noise"], ...rows], [0, 1, 4]);
  return `${[...table, "", facts, ...unseen].join("\n")}\n`;
}
