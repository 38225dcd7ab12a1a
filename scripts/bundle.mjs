/**
 * Makes dist/, which is published: the modules of src in a few files, so that edgec starts fast (it has over 500
 * modules, and a command needs most of them), and the declarations that build/index.d.ts leads to.
 *
 * node scripts/bundle.mjs    after `tsc`, which writes build/: every module in a file of its own, with its
 *                            declarations, for benchmarks and for the tools of the project
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { rolldown } from "rolldown";

const sources = resolve("src");
const builtPath = (source) => relative(sources, source).replaceAll("\\", "/").replace(/\.ts$/, ".js");

rmSync("dist", { recursive: true, force: true });
await bundle({ index: "src/index.ts", "cli/main": "src/cli/main.ts" });
for (const file of reachable("build/index.d.ts")) {
  const copy = join("dist", relative("build", file));
  mkdirSync(dirname(copy), { recursive: true });
  writeFileSync(copy, readFileSync(file));
}

/** Names of functions and classes stay, so that stacks can be read. */
async function bundle(input) {
  const build = await rolldown({
    input,
    platform: "node",
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    plugins: [startedModules()],
  });
  await build.write({
    dir: "dist",
    entryFileNames: "[name].js",
    // In a folder below dist/, as the modules were in src: paths that lead one folder up stay right.
    chunkFileNames: "shared/[name]-[hash].js",
    comments: false,
    minify: {
      compress: false,
      mangle: { toplevel: false, keepNames: true },
      codegen: { removeWhitespace: true },
    },
  });
  await build.close();
}

/** Modules that a process or thread runs, `new URL("./x.js", import.meta.url)`, become files of their own. */
function startedModules() {
  return {
    name: "started-modules",
    transform(code, importer) {
      const started = [...code.matchAll(/new URL\("(\.[^"]+\.js)", import\.meta\.url\)/g)]
        .map(([text, path]) => ({ text, id: resolve(dirname(importer), path.replace(/\.js$/, ".ts")) }))
        .filter(({ id }) => existsSync(id));
      for (const { text, id } of started) {
        const file = this.emitFile({ type: "chunk", id, fileName: builtPath(id) });
        code = code.replace(text, `new URL(import.meta.ROLLUP_FILE_URL_${file})`);
      }
      return started.length > 0 ? { code } : undefined;
    },
  };
}

/** The declarations that one leads to, itself included. */
function reachable(file, found = new Set()) {
  if (found.has(file) || !existsSync(file)) return found;
  found.add(file);
  for (const [, path] of readFileSync(file, "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g))
    reachable(join(dirname(file), path.replace(/\.js$/, ".d.ts")), found);
  return found;
}
