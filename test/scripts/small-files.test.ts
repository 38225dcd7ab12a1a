/** Small files with one importer: which ones count, and that the sources have few of them. */
import { expect, it } from "vitest";
import { LIMIT, LINES, smallFiles, sources } from "../../scripts/small-files.mjs";

const long = "const line = 0;\n".repeat(LINES);

it("counts a short file that one other imports", () => {
  const files = new Map([
    ["src/a/user.ts", `import { x } from "./lone.js";\nimport { y } from "../b/long.js";\n${long}`],
    ["src/a/lone.ts", "export const x = 1;\n"],
    ["src/b/long.ts", `export const y = 1;\n${long}`],
  ]);
  expect(smallFiles(files)).toEqual(["src/a/lone.ts"]);
});

it("counts no file that several import, that is registered, an entry or exported by its room", () => {
  const files = new Map([
    ["src/a/one.ts", `import { x } from "./shared.js";\nnew URL("./thread.js", import.meta.url);\n${long}`],
    ["src/a/two.ts", `import { x } from "./shared.js";\nimport type { T } from "./thread.js";\n${long}`],
    ["src/a/index.ts", 'export * from "./public.js";\n'],
    ["src/targets/profiles.ts", `import { device } from "./devices/device.js";\n${long}`],
    ["src/a/shared.ts", ""],
    ["src/a/thread.ts", ""],
    ["src/a/public.ts", ""],
    ["src/targets/devices/device.ts", ""],
  ]);
  expect(smallFiles(files)).toEqual([]);
});

it("finds few in the sources", () => {
  expect(smallFiles(sources()).length).toBeLessThanOrEqual(LIMIT);
});
