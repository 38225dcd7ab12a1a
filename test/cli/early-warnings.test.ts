/** Warnings printed before work begins appear once on a screen, and in every report. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { npyBytes } from "../support/npy-bytes.js";
import { BIN, edgec, fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { thoroughly } from "../support/thorough.js";

const temporary = temporaryFolder();
const WARNING = "The calibration data is constant";

async function zeroCalibration(name: string): Promise<string[]> {
  const calib = join(temporary.path, "zeros.npy");
  await writeFile(calib, npyBytes("<f4", [12, 3, 32, 32], new Float32Array(12 * 3 * 32 * 32)));
  const output = join(temporary.path, `${name}.onnx`);
  return [
    "compress",
    fixture("models/lenet.onnx"),
    "--int8",
    "--effort",
    "fast",
    "--calib",
    calib,
    "--no-verify",
    "-o",
    output,
  ];
}

/** Runs edgec with both streams going to one file, as with a terminal or `2>&1`. */
async function onOneScreen(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const path = join(temporary.path, "screen.txt");
  const screen = openSync(path, "a");
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ["ignore", screen, screen],
    env: { ...process.env, ...env },
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  closeSync(screen);
  expect(code).toBe(0);
  return readFileSync(path, "utf8");
}

const timesIn = (text: string, words: string): number => text.split(words).length - 1;

it("appear once when both streams go to one place, and in the report file", async () => {
  const report = join(temporary.path, "report.json");
  const env = {
    NODE_OPTIONS: `--import ${new URL("./no-runtime.mjs", import.meta.url).href}`,
    HIDDEN_RUNTIME: "onnxruntime-node",
  };
  const optimized = ["optimize", fixture("models/lenet.onnx"), "-o", join(temporary.path, "optimized.onnx")];
  const missing = "The native runtime, onnxruntime-node, is missing";
  expect(timesIn(await onOneScreen(optimized, env), missing)).toBe(1);
  expect(timesIn(await onOneScreen([...(await zeroCalibration("one")), "--report", report]), WARNING)).toBe(
    1,
  );
  const { warnings } = JSON.parse(readFileSync(report, "utf8")) as {
    warnings: { id: string; message: string }[];
  };
  expect(warnings.filter(({ id }) => id === "calibration/constant")).toEqual([
    { id: "calibration/constant", severity: "warning", message: expect.stringContaining(WARNING) as string },
  ]);
}, 60_000);

thoroughly(
  "appear in both streams when these are separate, and mention no comparison that does not happen",
  async () => {
    const { stdout, stderr } = await edgec(await zeroCalibration("apart"));
    expect([timesIn(stdout, WARNING), timesIn(stderr, WARNING)]).toEqual([1, 1]);
    expect(stdout + stderr).not.toContain("The comparison uses samples");
  },
);
