/** The import rules, as they are, on small trees: each fault is found by its rule, and nothing else is. */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.js";

const PROJECT = resolve(import.meta.dirname, "../..");
const folder = temporaryFolder();
let trees = 0;

interface Room {
  readonly room: string;
  readonly may: readonly string[];
}
type Files = Readonly<Record<string, string>>;

const LOW: Room = { room: "low", may: [] };
const HIGH: Room = { room: "high", may: ["low"] };
const TYPED: Room = { room: "typed", may: ["type:low"] };

/** What the checker says of a tree with these rooms. */
async function checked(rooms: readonly Room[], files: Files): Promise<{ code: number | null; text: string }> {
  const root = join(folder.path, String(trees++));
  const own: Files = {
    "scripts/rooms.mjs": `export default ${JSON.stringify(rooms.map((room) => ({ ...room, holds: "things" })))};`,
    "package.json": '{ "type": "module" }',
    "tsconfig.json": '{ "compilerOptions": { "module": "nodenext" } }',
  };
  for (const [name, text] of Object.entries({ ...own, ...files })) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  cpSync(join(PROJECT, ".dependency-cruiser.mjs"), join(root, ".dependency-cruiser.mjs"));
  symlinkSync(join(PROJECT, "node_modules"), join(root, "node_modules"), "junction");
  const tool = join(PROJECT, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const child = spawn(process.execPath, [tool, "src", "--config", ".dependency-cruiser.mjs"], { cwd: root });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (text += String(piece)));
  return new Promise((done) => child.on("close", (code) => done({ code, text })));
}

const value = (from: string): string => `import { x } from "${from}";\nexport const y = x;\n`;
const type = (from: string): string => `import type { T } from "${from}";\nexport type U = T;\n`;
const X = "export const x = 1;\nexport type T = number;\n";

const ofType = (other: string): string =>
  `import type { T as Other } from "./${other}.js";\nexport interface T { own?: Other }\n`;

it("lets rooms import themselves, what they name, and files that belong to no room", async () => {
  const files = {
    "src/x.ts": X,
    "src/index.ts": value("./high/a.js"),
    "src/low/x.ts": X,
    "src/high/a.ts": value("../low/x.js"),
    "src/high/b.ts": `${value("./c.js")}export { x } from "../x.js";\n`,
    "src/high/c.ts": X,
    "src/typed/a.ts": type("../low/x.js"),
  };
  expect(await checked([LOW, HIGH, TYPED], files)).toMatchObject({ code: 0 });
});

it("refuses every other import", async () => {
  const files = {
    "src/low/x.ts": X,
    "src/high/x.ts": X,
    // What a room does not name, be it a value or a type; and a value where it names types.
    "src/low/value.ts": value("../high/x.js"),
    "src/low/type.ts": type("../high/x.js"),
    "src/typed/value.ts": value("../low/x.js"),
    // Circles, of types alone too.
    "src/low/a.ts": ofType("b"),
    "src/low/b.ts": ofType("c"),
    "src/low/c.ts": ofType("a"),
    // Folders that are not listed, and files of no room that stand on one.
    "src/new/x.ts": X,
    "src/new/a.ts": value("../low/x.js"),
    "src/high/new.ts": value("../new/x.js"),
    "src/a.ts": value("./low/x.js"),
  };
  const { code, text } = await checked([LOW, HIGH, TYPED], files);
  const found = [...text.matchAll(/error ([\w-]+): (\S+) →/g)].map(([, rule, file]) => `${rule} ${file}`);
  expect(new Set(found)).toEqual(
    new Set([
      "low-imports src/low/value.ts",
      "low-imports src/low/type.ts",
      "typed-imports-types-only src/typed/value.ts",
      "no-circles src/low/a.ts",
      "room-not-listed src/new/a.ts",
      "high-imports src/high/new.ts",
      "only-index-and-entries-look-up src/a.ts",
    ]),
  );
  expect(code).not.toBe(0);
});

it("refuses two rooms that may import each other, though no two files do", async () => {
  const files = {
    "src/low/x.ts": X,
    "src/low/a.ts": value("../high/x.js"),
    "src/high/x.ts": X,
    "src/high/a.ts": value("../low/x.js"),
  };
  const { code, text } = await checked([{ room: "low", may: ["high"] }, HIGH], files);
  expect(code).not.toBe(0);
  expect(text).toContain("low and high may import each other");
});
