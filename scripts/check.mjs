/**
 * Everything that must hold before a change lands: lint, types, import rules, and all tests. Each tool counts as one
 * check beside the tests. The last line is the count; the exit code is 1 when anything failed. With --full the tests run
 * that take minutes, too: the files below test whose names end in .long.ts.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bin = (path) => join("node_modules", ...path.split("/"));
const tools = [
  ["build", [bin("typescript/bin/tsc"), "-p", "tsconfig.json"]],
  ["types", [bin("typescript/bin/tsc"), "-p", "tsconfig.test.json"]],
  ["lint", [bin("eslint/bin/eslint.js"), "."]],
  ["import rules", [bin("dependency-cruiser/bin/dependency-cruise.mjs"), "src", "--config", ".dependency-cruiser.cjs"]],
];

let passed = 0;
let failed = 0;
let skipped = 0;
for (const [name, args] of tools) {
  console.log(`\n== ${name}`);
  if (spawnSync(process.execPath, args, { stdio: "inherit" }).status === 0) passed++;
  else failed++;
}

console.log("\n== tests");
const folder = mkdtempSync(join(tmpdir(), "edgec-check-"));
const results = join(folder, "results.json");
const run = spawnSync(process.execPath, [bin("vitest/vitest.mjs"), "run", "--reporter=default", "--reporter=json", `--outputFile.json=${results}`], {
  stdio: "inherit",
  env: { ...process.env, EDGEC_SKIP_BUILD: "1", ...(process.argv.includes("--full") ? { EDGEC_FULL: "1" } : {}) },
});
try {
  const counts = JSON.parse(readFileSync(results, "utf8"));
  passed += counts.numPassedTests;
  failed += counts.numFailedTests;
  skipped += counts.numPendingTests + counts.numTodoTests;
  // A file that fails to load runs no test, yet it is a failure.
  if (run.status !== 0 && counts.numFailedTests === 0) failed++;
} catch {
  failed++;
}
rmSync(folder, { recursive: true, force: true });

console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
