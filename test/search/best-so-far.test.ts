import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { compress, type CompressOptions } from "../../src/index.js";
import { sampled } from "../support/thorough.js";

const file = (path: string): string => join(import.meta.dirname, "../../fixtures", path);

// The command line names int8 among the flags of passes, the library as an option of its own.
test.each(
  sampled<[string, CompressOptions]>(
    [
      ["a flag", { flags: { int8: "" } }],
      ["an option", { int8: true }],
    ],
    2,
  ),
)(
  "int8 by %s: a search leaves the best so far and what it measured beside the output until it ends",
  async (_, asked) => {
    const folder = await mkdtemp(join(tmpdir(), "edgec-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const output = join(folder, "out.onnx");
    const seen: boolean[] = [];
    const progress = ({ step }: { step: string }): void => {
      if (step.endsWith("measure the accuracy cost of each node"))
        seen.push(existsSync(output) && existsSync(`${output}.search.json`));
    };
    // No int8 model reaches 200 dB, so nodes are ranked. Unproven models are not timed, which would leave
    // all of this one in float.
    await compress(file("models/lenet.onnx"), {
      ...asked,
      calib: file("digits/digits-rgb32-calib.npz"),
      minSqnr: 200,
      verify: false,
      output,
      logger: { progress },
    });
    // Progress is reported once before the first node, and for each node before its cost is written.
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.slice(2)).not.toContain(false);
    expect(existsSync(`${output}.search.json`)).toBe(false);
  },
  120_000,
);
