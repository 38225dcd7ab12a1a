/**
 * The worked examples of docs/internals/extending.md, taken from the text: each is type-checked and compiled against
 * the sources, and added to a copy of the compiled package as the text says, with its one entry.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import ts from "typescript";

interface Example {
  /** "src/report/formats/csv.ts" */
  readonly file: string;
  readonly source: string;
  readonly object: string;
  readonly array: string;
  /** "src/report/report-formats.ts" */
  readonly registry: string;
}

export function examplesIn(markdown: string): Example[] {
  const pattern = /```ts\n\/\/ (src\/\S+)\n([^]*?)```\s+`(\w+)` joins `(\w+)` in `([^`]+)`/g;
  return [...markdown.matchAll(pattern)].map(
    ([, file = "", source = "", object = "", array = "", registry = ""]) => ({
      file,
      source,
      object,
      array,
      registry,
    }),
  );
}

/** What the compiler says of the examples, beside their code in JavaScript by file. */
export function compiled(examples: readonly Example[]): {
  readonly problems: string[];
  readonly code: ReadonlyMap<string, string>;
} {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile("tsconfig.json", (path) => ts.sys.readFile(path)).config,
    ts.sys,
    process.cwd(),
  );
  const sources = new Map(examples.map(({ file, source }) => [resolve(file), source]));
  const code = new Map<string, string>();
  const host = ts.createCompilerHost(options);
  const own = { fileExists: host.fileExists.bind(host), readFile: host.readFile.bind(host) };
  host.fileExists = (path) => sources.has(resolve(path)) || own.fileExists(path);
  host.readFile = (path) => sources.get(resolve(path)) ?? own.readFile(path);
  const readSource = host.getSourceFile.bind(host);
  host.getSourceFile = (path, target, ...rest) => {
    const source = sources.get(resolve(path));
    return source === undefined
      ? readSource(path, target, ...rest)
      : ts.createSourceFile(path, source, target, true);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  const problems = [...sources.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    program.emit(file, (out, text) => out.endsWith(".js") && code.set(path, text), undefined, false);
    return ts.getPreEmitDiagnostics(program, file).map(({ messageText, start }) => {
      const line = start === undefined ? 0 : (file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
      return `${path}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
    });
  });
  return { problems, code };
}

/** A copy of the compiled package in `folder`, with the examples in it. */
export function packageWith(
  folder: string,
  examples: readonly Example[],
  code: ReadonlyMap<string, string>,
): void {
  cpSync("build", join(folder, "dist"), { recursive: true });
  for (const part of ["bin", "package.json"]) cpSync(part, join(folder, part), { recursive: true });
  symlinkSync(resolve("node_modules"), join(folder, "node_modules"), "dir");
  for (const { file, object, array, registry } of examples) {
    const place = join(folder, builtPath(file));
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, code.get(resolve(file)) ?? "");
    const list = join(folder, builtPath(registry));
    const path = posix.relative(posix.dirname(builtPath(registry)), builtPath(file));
    writeFileSync(list, withEntry(readFileSync(list, "utf8"), object, array, path));
  }
}

const builtPath = (source: string): string => source.replace(/^src/, "dist").replace(/\.ts$/, ".js");

/** The module with the object at the end of its array. */
function withEntry(text: string, object: string, array: string, path: string): string {
  const start = text.indexOf(`export const ${array} = [`);
  const end = text.indexOf("];", start);
  if (start < 0 || end < 0) throw new Error(`there is no array ${array} to add ${object} to`);
  const specifier = path.startsWith(".") ? path : `./${path}`;
  const before = text.slice(0, end).trimEnd().replace(/,$/, "");
  return `import { ${object} } from "${specifier}";\n${before}, ${object}${text.slice(end)}`;
}
