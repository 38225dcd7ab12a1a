/** What a release still lacks is said before it happens. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { faultsOfRelease } from "../../scripts/check-release.mjs";
import { temporaryFolder } from "../support/temporary-folder.js";

const folder = temporaryFolder();
const COMPLETE = {
  version: "1.2.3",
  author: "A. Person",
  license: "Apache-2.0",
  repository: { type: "git", url: "git+https://github.com/person/edgec.git" },
  homepage: "https://github.com/person/edgec#readme",
  bugs: "https://github.com/person/edgec/issues",
};

function write(path: string, text: string): void {
  writeFileSync(join(folder.path, path), text);
}

beforeEach(() => {
  mkdirSync(join(folder.path, "src"));
  mkdirSync(join(folder.path, "bench/results"), { recursive: true });
  write("package.json", JSON.stringify(COMPLETE));
  write("src/version.ts", 'export const VERSION = "1.2.3";');
  write("CHANGELOG.md", "## 1.2.3");
  write("bench/results/1.2.3.csv", "");
});

it("finds nothing in a complete project", () => {
  expect(faultsOfRelease(folder.path)).toEqual([]);
});

it("names each placeholder and what is missing", () => {
  write("package.json", JSON.stringify({ ...COMPLETE, author: "OWNER", homepage: undefined }));
  expect(faultsOfRelease(folder.path)).toEqual([
    'package.json has no "homepage".',
    'package.json: "author" still holds the placeholder OWNER. Put in the real value.',
  ]);
});

it("wants one version everywhere, a changelog and bench results", () => {
  write("package.json", JSON.stringify({ ...COMPLETE, version: "1.2.4" }));
  expect(faultsOfRelease(folder.path)).toEqual([
    "src/version.ts has another version than package.json (1.2.4).",
    "CHANGELOG.md does not mention 1.2.4.",
    'bench/results/1.2.4.csv is missing. Record it with "npm run bench -- --csv".',
  ]);
});
