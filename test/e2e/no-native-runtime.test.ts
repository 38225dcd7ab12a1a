/** What a run decides must not hang on the runtime that happens to be installed. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Report } from "../../src/index.js";
import { writeFewSamples } from "../support/few-samples.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { isThorough, thoroughly } from "../support/thorough.js";

const HIDING = `--import ${new URL("../cli/no-runtime.mjs", import.meta.url).href}`;
const NO_NATIVE = { NODE_OPTIONS: HIDING, HIDDEN_RUNTIME: "onnxruntime-node" };
const NONE = { NODE_OPTIONS: HIDING };
const temporary = temporaryFolder();

/** WebAssembly takes its time for each sample. */
function few(): string {
  const path = join(temporary.path, "few.npz");
  writeFewSamples(path);
  return path;
}

interface Made {
  readonly report: Report;
  readonly bytes: Buffer;
  readonly stderr: string;
}

async function made(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Made> {
  const output = join(temporary.path, "made.onnx");
  const { code, stdout, stderr } = await edgec(["compress", ...args, "--json", "--force", "-o", output], {
    env,
  });
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return { report: JSON.parse(stdout) as Report, bytes: await readFile(output), stderr };
}

/**
 * The same costs under a name that is not this machine's, so that they decide with the native runtime as
 * well.
 */
async function elsewhere(): Promise<readonly string[]> {
  const path = join(temporary.path, "elsewhere.json");
  await writeFile(path, JSON.stringify({ extends: "generic" }));
  return ["--target", path];
}

const idsOf = ({ warnings }: Report): string[] => warnings.map(({ id }) => id);
const choicesOf = ({ decisions, nodes }: Report): unknown => ({
  ...decisions,
  nodes: nodes.map(({ pass, name, status }) => [pass, name, status]),
});

const RUNS = [
  ["lenet", "fast"],
  ["lenet", "balanced"],
  ["mbv2", "fast"],
] as const;

describe("without the native runtime", () => {
  if (isThorough)
    it.each(RUNS)(
      "%s at --effort %s becomes what the target's costs make of it",
      async (name, effort) => {
        const args = [fixture(`models/${name}.onnx`), "--int8", "--effort", effort, "--calib", few()];
        const [web, native] = [
          await made(args, NO_NATIVE),
          await made([...args, ...(await elsewhere())], {}),
        ];
        expect(choicesOf(web.report)).toEqual(choicesOf(native.report));
        // Scales that differ in their last bits are stored apart.
        expect(Math.abs(web.report.size.compressed.raw - native.report.size.compressed.raw)).toBeLessThan(
          100,
        );
        expect(idsOf(web.report)[0]).toBe("runtime/native-missing");
        expect(web.report.latency?.runtime).toMatch(/^onnxruntime-web/);
      },
      120_000,
    );

  const BARE = [
    ["lenet", ["--prune", "0.5"], NONE],
    ["lenet", ["--prune", "0.5", "--cluster", "16"], NO_NATIVE],
    ["vit", ["--int8"], NO_NATIVE],
    ["rnn", ["--int8"], NONE],
  ] as const;
  it.each(isThorough ? BARE : [])(
    "%s with %s and no data becomes the same bytes",
    async (name, flags, env) => {
      const args = [fixture(`models/${name}.onnx`), ...flags];
      const [bare, native] = [await made(args, env), await made([...args, ...(await elsewhere())], {})];
      expect(bare.bytes.equals(native.bytes)).toBe(true);
    },
    120_000,
  );

  thoroughly(
    "says so in the first line, with the way to get it, and no more of a choice than there was one",
    async () => {
      const [stored, int8] = [
        await made([fixture("models/lenet.onnx")], NO_NATIVE),
        await made([fixture("models/lenet.onnx"), "--int8", "--effort", "fast"], NO_NATIVE),
      ];
      expect(stored.stderr.split("\n")[0]).toMatch(
        /^warning: The native runtime, onnxruntime-node, is missing \(.*\)\. onnxruntime-web is used instead.*npm install onnxruntime-node.*ONNXRUNTIME_NODE_INSTALL=skip/,
      );
      const notice = ({ report }: Made): string => report.warnings[0]?.message ?? "";
      expect(notice(stored)).not.toContain("table of costs");
      expect(notice(int8)).toContain(
        "the table of costs of the target generic decides which layers run faster in int8",
      );
    },
  );

  it("is a matter of choice with EDGEC_RUNTIME=web", async () => {
    expect(
      (await made([fixture("models/lenet.onnx")], { EDGEC_RUNTIME: "web" })).report.warnings[0]?.message,
    ).toMatch(/is not used, because the environment variable EDGEC_RUNTIME is "web"\..*Unset the variable/);
  });
});

describe("with no runtime at all", () => {
  it("nothing is said to have been compared", async () => {
    const { report } = await made([fixture("models/lenet.onnx"), "--int8"], NONE);
    const ids = idsOf(report);
    expect(ids).toContain("compress/unproven");
    expect(ids).not.toContain("compress/random-feeds");
    expect(report.warnings.map(({ message }) => message).join("\n")).not.toContain("were compared");
  });
});

it("says nothing where the native runtime is there, nor where nothing is to be run", async () => {
  for (const [args, env] of [
    [[], {}],
    [["--no-verify"], NONE],
  ] as const) {
    const { report } = await made([fixture("models/lenet.onnx"), ...args], env);
    expect(idsOf(report)).not.toContain("runtime/native-missing");
    expect(idsOf(report).includes("compress/random-feeds")).toBe(report.fidelity !== null);
  }
});
