/**
 * Finds source files that have little reason to be alone: at most 40 lines, with a single importer. Prints them,
 * and fails if there are more than LIMIT.
 *
 * Files that stay alone by design do not count: entries of a registry (devices, formats, storage forms, commands),
 * entry points of threads, and files that the index of their room exports.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const LINES = 40;
export const LIMIT = 10;
/** Files whose imports are one registered array. */
const REGISTRIES = [
  "src/targets/profiles.ts",
  "src/data/data-formats.ts",
  "src/report/report-formats.ts",
  "src/passes/encode/storage-forms.ts",
  "src/cli/program.ts",
];

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The source files by path from the root, as text. */
export function sources(root = ROOT) {
  const files = readdirSync(join(root, "src"), { recursive: true }).filter((path) => path.endsWith(".ts"));
  return new Map(
    files
      .map((path) => `src/${path.replaceAll("\\", "/")}`)
      .map((path) => [path, readFileSync(join(root, path), "utf8")]),
  );
}

/** @param {ReadonlyMap<string, string>} files text by path */
export function smallFiles(files) {
  const importers = new Map([...files.keys()].map((path) => [path, new Set()]));
  const isEntry = new Set();
  for (const [path, text] of files) {
    for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)\.js"/g))
      importers.get(join(dirname(path), `${target}.ts`).replaceAll("\\", "/"))?.add(path);
    for (const [, target] of text.matchAll(/new URL\("(\.[^"]+)\.js", import\.meta\.url\)/g))
      isEntry.add(join(dirname(path), `${target}.ts`).replaceAll("\\", "/"));
  }
  return [...files]
    .filter(([path, text]) => {
      const [only, ...others] = importers.get(path);
      if (only === undefined || others.length > 0 || isEntry.has(path)) return false;
      const isByDesign = REGISTRIES.includes(only) || only.endsWith("/index.ts");
      return !isByDesign && text.trimEnd().split("\n").length <= LINES;
    })
    .map(([path]) => path)
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = smallFiles(sources());
  console.log(
    [...found, `${found.length} small files with one importer; at most ${LIMIT} are allowed`].join("\n"),
  );
  if (found.length > LIMIT) process.exitCode = 1;
}
