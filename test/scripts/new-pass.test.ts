/** `npm run new-pass` in a copy of the project: what it writes type-checks and passes the tests that it names. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.js";
import { thoroughly } from "../support/thorough.js";

const PROJECT = resolve(import.meta.dirname, "../..");
const COPIED = [
  "src",
  "scripts/new-pass.mjs",
  "test/support",
  "test/golden",
  "package.json",
  "tsconfig.json",
  "tsconfig.test.json",
  "vitest.config.ts",
];
/** The tests of the new pass, and those that hold for every pass; the cases of others say nothing here. */
const OWN = "shrink-things|says in the name of a case|shows for every pass";
const folder = temporaryFolder();

function copyProject(): void {
  for (const path of COPIED) cpSync(join(PROJECT, path), join(folder.path, path), { recursive: true });
  symlinkSync(join(PROJECT, "node_modules"), join(folder.path, "node_modules"), "junction");
}

const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, args, {
    cwd: folder.path,
    encoding: "utf8",
    env: { ...process.env, EDGEC_SKIP_BUILD: "1", NO_COLOR: "1" },
  });

// It type-checks a copy of the project, which takes long where other work shares the machine.
thoroughly("writes a pass that type-checks, is registered and passes its test", () => {
  copyProject();
  expect(run("scripts/new-pass.mjs", "shrink-things", "--kind", "prune")).toMatchObject({ status: 0 });
  const made = ["src/passes/prune/shrink-things.ts", "test/passes/prune/shrink-things.test.ts"];
  expect(readFileSync(join(folder.path, "src/plan/registry.ts"), "utf8")).toContain(
    "registered(shrinkThings),",
  );
  expect(existsSync(join(folder.path, "test/golden/shrink-things/other-operator-stays.txt"))).toBe(true);

  const settings = { extends: "./tsconfig.test.json", include: [...made, "src/plan/registry.ts"] };
  writeFileSync(join(folder.path, "tsconfig.made.json"), JSON.stringify(settings));
  expect(run("node_modules/typescript/bin/tsc", "-p", "tsconfig.made.json")).toMatchObject({
    status: 0,
    stdout: "",
  });
  const lint = [join(PROJECT, "node_modules/prettier/bin/prettier.cjs"), "--print-width", "110", "--check"];
  execFileSync(process.execPath, [...lint, ...made, "src/plan/registry.ts"], { cwd: folder.path });
  const vitest = ["node_modules/vitest/vitest.mjs", "run", made[1]!, "test/golden", "-t", OWN];
  const { status, stdout } = run(...vitest);
  expect(status, stdout).toBe(0);
  // Two of the pass's own tests, its two cases, and the golden tests that look at all passes.
  expect(stdout).toMatch(/Tests +6 passed/);
});

it.each([
  [["shrink"], "verb and an object"],
  [["prune-magnitude", "--kind", "prune"], "exists already"],
  [["shrink-things", "--kind", "nowhere"], "Choose one that exists"],
])("refuses %j in a sentence and writes nothing", (args, sentence) => {
  copyProject();
  const before = readFileSync(join(folder.path, "src/plan/registry.ts"), "utf8");
  const ended = run("scripts/new-pass.mjs", ...args);
  expect([ended.status, ended.stdout]).toEqual([2, ""]);
  expect(ended.stderr).toContain(sentence);
  expect(readFileSync(join(folder.path, "src/plan/registry.ts"), "utf8")).toBe(before);
});
