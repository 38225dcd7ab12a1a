/**
 * Everything that must hold before a change lands: lint, types, import rules, and all tests. Each tool
 * counts as one check beside the tests. The last line is the count; the exit code is 1 when anything
 * failed. With --full the tests run that take minutes, too: the files below test whose names end in
 * .long.ts. The lines that tests run are then counted, and too few are a failure (vitest.config.ts).
 *
 * The tools run one after the other beside the tests, so that no core is idle while either waits.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const isFull = process.argv.includes("--full");
const bin = (path) => join("node_modules", ...path.split("/"));
const tools = [
  ["types and lint", ["scripts/types-and-lint.mjs"]],
  ["format", [bin("prettier/bin/prettier.cjs"), "--check", "--log-level", "warn", "."]],
  [
    "import rules",
    [bin("dependency-cruiser/bin/dependency-cruise.mjs"), "src", "--config", ".dependency-cruiser.mjs"],
  ],
  ["documentation", ["scripts/make-docs.mjs", "--check"]],
  ["package", ["scripts/check-package.mjs", ...(isFull ? ["--full"] : [])]],
];
const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};

let passed = 0;
let failed = 0;
let skipped = 0;
const failedTools = [];

// Tests and tools run what is built. Types are checked once, with those of the tests.
await check("build", [bin("typescript/bin/tsc"), "-p", "tsconfig.json", "--noCheck"]);
await check("bundle", ["scripts/bundle.mjs"]);
const testing = test();
for (const [name, args] of tools) await check(name, args);
await testing;

for (const name of failedTools) console.log(`\nfailed: ${name} (see "== ${name}" above)`);
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;

/** Runs a tool, and prints its output in one piece when it has ended. */
async function check(name, args) {
  let output = "";
  const status = await run(args, {}, (text) => (output += text));
  process.stdout.write(`\n== ${name}: ${status === 0 ? "passed" : "failed"}\n${output}`);
  if (status === 0) passed++;
  else {
    failed++;
    failedTools.push(name);
  }
}

async function test() {
  const folder = mkdtempSync(join(tmpdir(), "edgec-check-"));
  const results = join(folder, "results.json");
  const status = await run(
    [
      bin("vitest/vitest.mjs"),
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${results}`,
      ...(isFull ? ["--coverage.enabled"] : []),
    ],
    { EDGEC_SKIP_BUILD: "1", ...(isFull ? { EDGEC_FULL: "1" } : {}) },
    (text) => process.stdout.write(text),
  );
  try {
    const counts = JSON.parse(readFileSync(results, "utf8"));
    passed += counts.numPassedTests;
    failed += counts.numFailedTests;
    skipped += counts.numPendingTests + counts.numTodoTests;
    // A file that fails to load runs no test, yet it is a failure.
    if (status !== 0 && counts.numFailedTests === 0) failed++;
  } catch {
    failed++;
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Resolves to the exit code of Node with these arguments; to 1 if it could not be started. */
function run(args, env, onOutput) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      stdio: ["inherit", "pipe", "pipe"],
      env: { ...process.env, ...color, ...env },
    });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", onOutput);
    child.on("error", (error) => {
      onOutput(`${error.message}\n`);
      resolve(1);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}
