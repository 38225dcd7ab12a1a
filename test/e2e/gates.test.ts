import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Report } from "../../src/index.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const LENET = fixture("models/lenet.onnx");
const CALIB = fixture("digits/digits-rgb32-calib.npz");

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);

describe("gates", () => {
  it("on the size: the model and the report are still written, and it exits 1", async () => {
    const { code, stderr } = await edgec([
      "compress",
      LENET,
      "--storage",
      "int8",
      "--max-size",
      "10kB",
      "-o",
      inFolder("small.onnx"),
      "--report",
      inFolder("r.json"),
      "--quiet",
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^failed: the size is \d+ bytes; the limit is at most 10000 bytes$/m);
    expect((await readdir(temporary.path)).sort()).toEqual(["r.json", "small.onnx"]);
    expect((JSON.parse(await readFile(inFolder("r.json"), "utf8")) as Report).verdict).toMatchObject({
      ok: false,
      gates: [{ name: "maxSize", limit: 10_000, ok: false }],
    });
  });

  it("on agreement and size hold for a model against itself, and the slowdown is judged", async () => {
    const { stdout } = await edgec([
      "verify",
      LENET,
      LENET,
      "--eval",
      CALIB,
      "--min-agreement",
      "1",
      "--max-size",
      "1MB",
      "--max-slowdown",
      "0.05",
      "--json",
    ]);
    const { gates } = (JSON.parse(stdout) as Report).verdict;
    expect(gates.map(({ name, limit }) => [name, limit])).toEqual([
      ["minAgreement", 1],
      ["maxSize", 1e6],
      ["maxSlowdown", 1.05],
    ]);
    expect(gates.slice(0, 2).map(({ ok }) => ok)).toEqual([true, true]);
    expect(gates[2]?.actual).toBeGreaterThan(0);
  });

  it("that cannot be judged are refused before any work", async () => {
    const { code, stderr } = await edgec([
      "verify",
      LENET,
      LENET,
      "--max-slowdown",
      "0",
      "--emulate",
      "x64-avx2",
    ]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("--max-slowdown needs latency, which --emulate does not measure"),
    ]);
  });
});
