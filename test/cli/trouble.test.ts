import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { edgec, fixture, BIN, type Outcome } from "../support/run-edgec.js";
import { writeFewSamples } from "../support/few-samples.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { sampled } from "../support/thorough.js";
import { edgecHere } from "./in-process.js";

const LENET = fixture("models/lenet.onnx");
const temporary = temporaryFolder();
const here = (name: string): string => join(temporary.path, name);
const data = temporaryFolder();
const CALIB = (): string => join(data.path, "few.npz");
beforeEach(() => writeFewSamples(CALIB()));

/** Runs edgec from a shell that sets limits and redirects: `edgec` stands for the program. */
function inShell(script: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const text = script.replaceAll("edgec", `"${process.execPath}" "${BIN}"`);
    const child = spawn("/bin/bash", ["-c", text], {
      cwd: temporary.path,
      env: { ...process.env, LENET, CALIB: CALIB(), ...env },
    });
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (chunk: string) => (output[name] += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
}

function expectOneLine({ code, stderr }: Outcome, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(
    stderr
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("plan: ")),
  ).toHaveLength(1);
  expect(stderr).not.toMatch(/bug in edgec|\n\s+at /);
  expect(code).toBe(2);
}

describe.skipIf(process.platform !== "linux")("a stream that takes no more", () => {
  it.each(
    sampled(["edgec passes", 'edgec inspect "$LENET"', "edgec --help", 'edgec inspect "$LENET" --json'], 2),
  )("%s onto a full disk exits 2", async (command) => {
    expectOneLine(await inShell(`${command} > /dev/full`), /^error: cannot write to standard output: ENOSPC/);
  });

  it("does not prevent a model from being written", async () => {
    expectOneLine(
      await inShell('edgec compress "$LENET" -o o.onnx > /dev/full'),
      /cannot write to standard output/,
    );
    expect(readdirSync(temporary.path)).toEqual(["o.onnx"]);
  });

  it.each(sampled(["2>/dev/full", "2>&-", ">&- 2>&- <&-", "2> >(exec true)"], 4))(
    "standard error as %s changes nothing",
    async (redirection) => {
      expect((await inShell(`edgec compress "$LENET" -o o.onnx --debug ${redirection}`)).code).toBe(0);
      expect((await inShell(`edgec compress missing.onnx ${redirection}`)).code).toBe(2);
      expect(readdirSync(temporary.path)).toEqual(["o.onnx"]);
    },
  );

  it("a reader that closed the pipe is not an error, and the run continues", async () => {
    const { stderr } = await inShell('edgec compress "$LENET" -o o.onnx | true; echo "${PIPESTATUS[0]}" >&2');
    expect([stderr.trim().split("\n").at(-1), existsSync(here("o.onnx"))]).toEqual(["0", true]);
  });
});

describe.skipIf(process.platform !== "linux")("a limit of the system", () => {
  // What onnxruntime and edgec write aside is larger than 64 blocks of 1 KiB.
  it.each([
    ...sampled(
      [
        'compress "$LENET" --int8 --effort fast --calib "$CALIB" -o o.onnx --quiet',
        'sensitivity "$LENET" --calib "$CALIB"',
        'verify "$LENET" "$LENET" --quiet',
        'optimize "$LENET" -o o.onnx --quiet',
      ],
      3,
    ),
  ])("files that may not grow: %s", async (command) => {
    mkdirSync(here("tmp"));
    expectOneLine(
      await inShell(`ulimit -f 64; edgec ${command}`, { TMPDIR: here("tmp") }),
      /^error: cannot write .*(TMPDIR|another)/m,
    );
    expect([readdirSync(temporary.path), readdirSync(here("tmp"))]).toEqual([["tmp"], []]);
  });

  it.each(sampled([23, 20, 26, 30, 40, 60], 3))("%d open files", async (limit) => {
    const outcome = await inShell(
      `ulimit -n ${limit}; edgec compress "$LENET" --int8 --effort fast --calib "$CALIB" -o o.onnx --quiet`,
    );
    if (outcome.code !== 0) expectOneLine(outcome, /EMFILE/);
  });

  it("a folder for temporary files that does not exist", async () => {
    const outcome = await edgec(
      ["compress", LENET, "--int8", "--calib", CALIB(), "-o", here("o.onnx"), "--quiet"],
      { env: { TMPDIR: here("none") } },
    );
    expectOneLine(
      outcome,
      /temporary folder in [^ ]*none: the folder does not exist\. Set TMPDIR to a folder that exists\.$/m,
    );
  });

  it("links in a loop, and a name that is too long", async () => {
    symlinkSync("b.onnx", here("a.onnx"));
    symlinkSync("a.onnx", here("b.onnx"));
    for (const name of ["a.onnx", `${"n".repeat(300)}.onnx`])
      expectOneLine(await edgecHere(["inspect", name], { cwd: temporary.path }), /ELOOP|ENAMETOOLONG/);
    expectOneLine(
      await edgecHere(["compress", LENET, "-o", `${"n".repeat(300)}.onnx`, "--quiet"], {
        cwd: temporary.path,
      }),
      /name/,
    );
    expectOneLine(
      await edgecHere(["compress", LENET, "--int8", "--calib", "a.npz", "-o", "o.onnx", "--quiet"], {
        cwd: temporary.path,
      }),
      /a\.npz/,
    );
  });

  // Root writes everywhere unless it gives up that power.
  const isRoot = process.getuid?.() === 0;
  const obeying = isRoot ? "setpriv --bounding-set=-dac_override --inh-caps=-dac_override " : "";
  it.skipIf(isRoot && spawnSync("setpriv", ["--version"]).status !== 0)(
    "a folder that is read-only",
    async () => {
      mkdirSync(here("fixed"));
      chmodSync(here("fixed"), 0o555);
      expectOneLine(
        await inShell(`${obeying}edgec compress "$LENET" -o fixed/o.onnx --quiet`),
        /is not writable/,
      );
    },
  );
});
