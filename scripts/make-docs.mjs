/**
 * Writes the parts of the documentation that are made of the code, between the marks
 * <!-- made:NAME --> and <!-- /made:NAME -->. With --check nothing is written: a part that is out of date
 * is an error. Reads build/, so build first; `npm run docs` does.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { apiList, reportKeys } from "./docs/api-list.mjs";
import { commandHelp } from "./docs/command-help.mjs";
import { passList } from "./docs/pass-list.mjs";
import { roomsTable } from "./docs/rooms-table.mjs";
import { targetList } from "./docs/target-list.mjs";
import {
  dataFormatsTable,
  kernelsTable,
  reportFormatsTable,
  storageFormsTable,
  targetsTable,
} from "./docs/registry-tables.mjs";

const PARTS = {
  "docs/internals/architecture.md": { rooms: roomsTable },
  "docs/guide/targets.md": { targets: targetsTable, kernels: kernelsTable },
  "docs/internals/extending.md": {
    "storage-forms": storageFormsTable,
    "report-formats": reportFormatsTable,
    "data-formats": dataFormatsTable,
  },
  "docs/reference/cli.md": { help: commandHelp },
  "docs/reference/passes.md": { passes: passList },
  "docs/reference/targets.md": { targets: targetList },
  "docs/reference/report.md": { keys: reportKeys },
  "docs/reference/api.md": { api: apiList },
};

const isCheck = process.argv.includes("--check");
let stale = 0;
for (const [path, parts] of Object.entries(PARTS)) {
  const before = readFileSync(path, "utf8");
  let after = before;
  for (const [name, make] of Object.entries(parts)) after = replaced(after, name, make(), path);
  if (after === before) continue;
  if (isCheck) {
    stale++;
    console.error(`${path} is out of date. Run "npm run docs".`);
  } else writeFileSync(path, after);
}
process.exitCode = stale > 0 ? 1 : 0;

function replaced(text, name, part, path) {
  const [start, end] = [`<!-- made:${name} -->`, `<!-- /made:${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} lacks the marks ${start} and ${end}`);
  return `${text.slice(0, from + start.length)}\n${part}\n${text.slice(to)}`;
}
