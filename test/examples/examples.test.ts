/** Each program in examples/ runs as its first lines say, and the workflow asks for what there is. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { buildProgram } from "../../src/cli/program.js";
import type { Report } from "../../src/report/report.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { thoroughly } from "../support/thorough.js";

const EXAMPLES = resolve(import.meta.dirname, "../../examples");
const folder = temporaryFolder();
const read = (name: string): string => readFileSync(join(EXAMPLES, name), "utf8");

function runExample(name: string): string {
  const command = name.endsWith(".sh") ? "sh" : process.execPath;
  return execFileSync(command, [join(EXAMPLES, name), folder.path], { encoding: "utf8" });
}

it("lists every example", () => {
  const listed = [...read("README.md").matchAll(/^\| \[([^\]]+)\]/gm)].map(([, name]) => name);
  const files = readdirSync(EXAMPLES).filter((name) => name !== "README.md");
  expect(listed.sort()).toEqual(files.sort());
});

thoroughly("compresses from a script, with two reports", () => {
  if (process.platform === "win32") return;
  runExample("compress.sh");
  const report = JSON.parse(readFileSync(join(folder.path, "lenet.json"), "utf8")) as Report;
  expect(report.verdict.gates.map(({ name, ok }) => [name, ok])).toEqual([["maxDrop", true]]);
  expect(report.size.ratio).toBeGreaterThan(10);
  expect(existsSync(join(folder.path, "lenet.small.onnx"))).toBe(true);
  expect(readFileSync(join(folder.path, "lenet.md"), "utf8")).toMatch(/^# /);
});

thoroughly("compresses from a program", () => {
  expect(runExample("library.mjs")).toMatch(/^[\d.]+ times smaller\naccuracy [\d.]+ → [\d.]+\n/);
  expect(existsSync(join(folder.path, "lenet.int8.onnx"))).toBe(true);
});

thoroughly("runs a pass of one's own inside the recipe", () => {
  const [, tensors] = /^(\d+) tensors snapped/.exec(runExample("own-pass.mjs")) ?? [];
  expect(Number(tensors)).toBeGreaterThan(0);
});

it("gives the workflow flags that exist, and actions that are pinned", () => {
  const workflow = read("ci.yml");
  const compress = buildProgram().commands.find((command) => command.name() === "compress");
  const known = compress?.options.map(({ long }) => long);
  const given = [...workflow.matchAll(/ (--[a-z0-9-]+)/g)].map(([, flag]) => flag);
  expect(given.length).toBeGreaterThan(5);
  expect(known).toEqual(expect.arrayContaining(given));
});
