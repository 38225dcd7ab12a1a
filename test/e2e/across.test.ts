import { describe, expect, it } from "vitest";
import type { Report } from "../../src/index.js";
import { edgecHere } from "../cli/in-process.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { thoroughly } from "../support/thorough.js";

const LENET = fixture("models/lenet.onnx");
const CALIB = fixture("digits/digits-rgb32-calib.npz");
const WITHOUT_WEB = {
  NODE_OPTIONS: `--import ${new URL("../cli/no-runtime.mjs", import.meta.url).href}`,
  HIDDEN_RUNTIME: "onnxruntime-web",
};

async function report(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Report> {
  const { code, stdout, stderr } = await edgec(["verify", LENET, LENET, "--eval", CALIB, ...args, "--json"], {
    env,
  });
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Report;
}

describe("verify --across", () => {
  thoroughly(
    "runs in both runtimes at three levels on 32 samples, and finds nothing to warn of in a float model",
    async () => {
      const { across, warnings } = await report(["--across"]);
      expect(across?.samples).toBe(32);
      expect(across?.combinations.map(({ status }) => status)).toEqual([
        "reference",
        "compared",
        "compared",
        "compared",
        "compared",
        "compared",
      ]);
      expect(warnings.filter(({ id }) => id.startsWith("across/"))).toEqual([]);
    },
  );

  it("leaves out a runtime that is not installed, and says so", async () => {
    const { across, warnings } = await report(["--levels", "all,disabled"], WITHOUT_WEB);
    expect(across?.combinations.map(({ runtime, level, status }) => `${runtime} ${level} ${status}`)).toEqual(
      [
        "onnxruntime-node all reference",
        "onnxruntime-node disabled compared",
        "onnxruntime-web all missing",
        "onnxruntime-web disabled missing",
      ],
    );
    expect(warnings.find(({ id }) => id === "across/missing")?.message).toContain(
      '"npm install onnxruntime-web"',
    );
  });

  thoroughly("is in no report that it was not asked for", async () => {
    expect(await report([])).not.toHaveProperty("across");
  });

  it("exits 2 and suggests a level", async () => {
    const { code, stderr } = await edgecHere(["verify", LENET, LENET, "--levels", "al"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('not "al". Did you mean "all"?')]);
  });
});
