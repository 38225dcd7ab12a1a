import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { compress, type CompressOptions } from "../../src/index.js";

const file = (path: string): string => join(import.meta.dirname, "../../fixtures", path);

// The command line names int8 among the flags of passes, the library as an option of its own.
test.each<[string, CompressOptions]>([
  ["an option", { int8: true }],
  ["a flag", { flags: { int8: "" } }],
])(
  "int8 by %s: a search leaves the best so far and what it measured beside the output until it ends",
  async (_, asked) => {
    const folder = await mkdtemp(join(tmpdir(), "edgec-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const output = join(folder, "out.onnx");
    const seen: boolean[] = [];
    const progress = ({ step }: { step: string }): void => {
      if (step === "measure the accuracy cost of each node")
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
    // What the first node costs is told before it is written.
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.slice(1)).not.toContain(false);
    expect(existsSync(`${output}.search.json`)).toBe(false);
  },
  120_000,
);
