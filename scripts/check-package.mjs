/**
 * Packs the package as a user would install it, and checks its size. Then publint and attw check the packed
 * file, and its command runs once; with --full, its demo too. dist/ must have been built.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** Unpacked, without the fixtures that `edgec demo` needs. */
const LIMIT = 1_500_000;
const project = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "edgec-package-"));
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

try {
  const packed = pack();
  const sum = (files) => files.reduce((bytes, { size }) => bytes + size, 0);
  const isFixture = ({ path }) => path.startsWith("fixtures/");
  const own = sum(packed.files.filter((file) => !isFixture(file)));
  console.log(
    `${packed.files.length} files, ${kilobytes(own)} unpacked and ${kilobytes(sum(packed.files.filter(isFixture)))} ` +
      `of fixtures for the demo; ${kilobytes(packed.size)} to download`,
  );
  if (own > LIMIT) fail(`The package is larger than ${kilobytes(LIMIT)} without its fixtures.`);
  const tarball = join(folder, packed.filename);
  tool("publint/src/cli.js", [tarball, "--strict"]);
  tool("@arethetypeswrong/cli/dist/index.js", [
    tarball,
    "--profile",
    "esm-only",
    "--format",
    "ascii",
    "--quiet",
  ]);
  runInstalled(tarball);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Puts copies of what is published into the folder and packs them there. */
function pack() {
  const { files } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  const copied = [...files, "package.json", "README.md", "LICENSE"];
  for (const path of copied) cpSync(join(project, path), join(folder, "source", path), { recursive: true });
  const command = ["pack", "--json", "--ignore-scripts", "--pack-destination", folder];
  const options = { cwd: join(folder, "source"), encoding: "utf8", shell: process.platform === "win32" };
  return JSON.parse(execFileSync("npm", command, { ...options, stdio: ["ignore", "pipe", "ignore"] }))[0];
}

function tool(path, args) {
  try {
    execFileSync(process.execPath, [join(project, "node_modules", path), ...args], { stdio: "inherit" });
  } catch {
    fail(`${dirname(path)} found faults in the package.`);
  }
}

/** As if it was installed: its dependencies are those of the project. */
function runInstalled(tarball) {
  execFileSync("tar", ["-xzf", tarball, "-C", folder]);
  symlinkSync(join(project, "node_modules"), join(folder, "package/node_modules"), "junction");
  const edgec = (...args) =>
    execFileSync(process.execPath, [join(folder, "package/bin/edgec.js"), ...args], { encoding: "utf8" });
  try {
    if (!edgec("passes").includes("prune-magnitude")) fail("The packed command does not list its passes.");
    if (process.argv.includes("--full") && !(JSON.parse(edgec("demo", "--json")).size.ratio > 1))
      fail("The packed demo made nothing smaller.");
  } catch (error) {
    fail(`The packed command does not run: ${error.message}`);
  }
}

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
