/** Near misses of fusions and their reasons, for a person: some in full, the rest counted. */
import { printable, shortened } from "../units.js";
import type { Paint } from "./paint.js";
import type { Report } from "./report.js";
import { textTable } from "./text-table.js";

/** Most lines to print. */
const MAX_SHOWN = 20;
/** Most lines per pass; a model has the same layer many times. */
const MAX_OF_ONE_PASS = 5;

type NearMiss = NonNullable<Report["nearMisses"]>[number];

export function nearMissLines({ nearMisses = [] }: Pick<Report, "nearMisses">, paint: Paint): string[] {
  if (nearMisses.length === 0) return [];
  const shown = choose(nearMisses);
  const rows = shown.map(({ pass, node, opType, reason }) =>
    [pass, shortened(node), opType, reason].map(printable),
  );
  const rest = countByPass(nearMisses.filter((miss) => !shown.includes(miss)));
  const head = ["nearly matched by", "node", "operator", "reason"].map((cell) => paint.bold(cell));
  return [...textTable([head, ...rows], [0, 1, 2, 3]), ...(rest === "" ? [] : [`and more: ${rest}`])];
}

/** The first of each pass, as far as there is room. */
function choose(nearMisses: readonly NearMiss[]): NearMiss[] {
  const counts = new Map<string, number>();
  return nearMisses
    .filter(({ pass }) => {
      const count = (counts.get(pass) ?? 0) + 1;
      counts.set(pass, count);
      return count <= MAX_OF_ONE_PASS;
    })
    .slice(0, MAX_SHOWN);
}

function countByPass(nearMisses: readonly NearMiss[]): string {
  const counts = new Map<string, number>();
  for (const { pass } of nearMisses) counts.set(pass, (counts.get(pass) ?? 0) + 1);
  return [...counts].map(([pass, count]) => `${pass} ${count}`).join(", ");
}
