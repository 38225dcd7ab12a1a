/**
 * Makes a built dist/ as small as a package needs it: JavaScript without comments and white space, no
 * declarations that index.d.ts does not lead to, and nothing whose source is gone. Names of functions and
 * classes stay, so that stacks can be read; variables become short.
 *
 * node scripts/slim-package.mjs            slims dist/ in place, as `npm run prepare` does
 * slimDist("dist", "/tmp/package/dist")    writes a slim copy, as the check of the package does
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { minifySync } from "rolldown/utils";

/** @param to may be `from` itself */
export function slimDist(from, to, sources = "src") {
  const declared = reachable(join(from, "index.d.ts"));
  const kept = new Map();
  for (const file of files(from)) {
    const path = relative(from, file);
    const source = join(sources, path.replace(/(\.d)?\.[jt]s$/, ".ts"));
    if (!existsSync(source)) continue;
    if (path.endsWith(".js")) kept.set(path, slimScript(readFileSync(file, "utf8")));
    else if (declared.has(file)) kept.set(path, readFileSync(file, "utf8"));
  }
  rmSync(to, { recursive: true, force: true });
  for (const [path, text] of kept) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    writeFileSync(join(to, path), text);
  }
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** The declarations that one leads to, itself included. */
export function reachable(file, found = new Set()) {
  if (found.has(file) || !existsSync(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g))
    reachable(join(dirname(file), path.replace(/\.js$/, ".d.ts")), found);
  return found;
}

function slimScript(text) {
  const { code, errors } = minifySync("module.js", text, {
    compress: false,
    mangle: { toplevel: false, keepNames: true },
    codegen: { removeWhitespace: true },
  });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
  return code;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) slimDist("dist", "dist");
