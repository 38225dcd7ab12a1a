/**
 * Writes the parts of the documentation that are made of the code, between the marks
 * <!-- made:NAME --> and <!-- /made:NAME -->. With --check nothing is written: a part that is out of date
 * is an error.
 */
import { readFileSync, writeFileSync } from "node:fs";
import {
  dataFormatsTable,
  kernelsTable,
  reportFormatsTable,
  storageFormsTable,
  targetsTable,
} from "./registry-tables.mjs";
import rooms from "./rooms.mjs";

const PARTS = {
  "docs/architecture.md": { rooms: roomsTable },
  "docs/targets.md": { targets: targetsTable, kernels: kernelsTable },
  "docs/extending.md": {
    "storage-forms": storageFormsTable,
    "report-formats": reportFormatsTable,
    "data-formats": dataFormatsTable,
  },
};

function roomsTable() {
  const rows = rooms.map(
    ({ room, may, holds }) => `| \`${room}\` | ${holds} | ${may.map(importText).join(", ") || "nothing"} |`,
  );
  return ["| room | what is in it | may import |", "|---|---|---|", ...rows].join("\n");
}

function importText(name) {
  return name.startsWith("type:") ? `types of \`${name.slice("type:".length)}\`` : `\`${name}\``;
}

const isCheck = process.argv.includes("--check");
let stale = 0;
for (const [path, parts] of Object.entries(PARTS)) {
  const before = readFileSync(path, "utf8");
  let after = before;
  for (const [name, make] of Object.entries(parts)) after = replaced(after, name, make(), path);
  if (after === before) continue;
  if (isCheck) {
    stale++;
    console.error(`${path} is out of date: run "npm run docs".`);
  } else writeFileSync(path, after);
}
process.exitCode = stale > 0 ? 1 : 0;

function replaced(text, name, part, path) {
  const [start, end] = [`<!-- made:${name} -->`, `<!-- /made:${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} lacks the marks ${start} and ${end}`);
  return `${text.slice(0, from + start.length)}\n${part}\n${text.slice(to)}`;
}
