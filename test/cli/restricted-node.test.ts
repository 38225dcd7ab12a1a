import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { BIN, fixture } from "../support/run-edgec.js";
import { writeFewSamples } from "../support/few-samples.js";
import { writeSlowModel } from "./slow-model.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { sampled, thoroughly } from "../support/thorough.js";

const LENET = fixture("models/lenet.onnx");
const ROOT = join(import.meta.dirname, "../..");
const temporary = temporaryFolder();
beforeEach(() => writeFewSamples(join(temporary.path, "few.npz")));
const FLAG = ["--permission", "--experimental-permission"].find((name) =>
  process.allowedNodeEnvironmentFlags.has(name),
);
const MODEL = [FLAG ?? "", "--no-warnings", `--allow-fs-read=${ROOT}`];

function run(
  flags: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [...flags, BIN, ...args], {
    encoding: "utf8",
    cwd: temporary.path,
    env: { ...process.env, TMPDIR: temporary.path, ...env },
  });
}

const compress = (): string[] => [
  "compress",
  LENET,
  "--int8",
  "--calib",
  join(temporary.path, "few.npz"),
  // What is timed and searched does not count here.
  "--target",
  "arm64-dotprod",
  "--effort",
  "fast",
  "-o",
  join(temporary.path, "o.onnx"),
  "--quiet",
];

describe("Node without code generation from strings", () => {
  thoroughly("runs edgec", () =>
    expect(run(["--disallow-code-generation-from-strings"], compress())).toMatchObject({
      status: 0,
      stderr: "",
    }),
  );
  it.each(sampled(["node", "web"], 2))("in all processes, with onnxruntime-%s", (runtime) => {
    expect(
      run([], compress(), {
        NODE_OPTIONS: "--disallow-code-generation-from-strings",
        EDGEC_RUNTIME: runtime,
      }),
    ).toMatchObject({ status: 0, stderr: "" });
  });
});

describe.each(sampled(["SIGINT", "SIGTERM", "SIGHUP"] as const, 3))(
  "work in the process that a debugger is in, %s",
  (signal) => {
    it("is interrupted like any other", async () => {
      const { model, data } = writeSlowModel(temporary.path);
      const args = [
        "--inspect=0",
        BIN,
        "compress",
        model,
        "--int8",
        "--calib",
        data,
        "-o",
        join(temporary.path, "o.onnx"),
      ];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
      let stderr = "";
      const ended = once(child, "close");
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        if (!stderr.includes("plan:") && (stderr + text).includes("plan:")) child.kill(signal);
        stderr += text;
      });
      expect(await ended).toEqual([128 + constants.signals[signal], null]);
      expect(stderr).toMatch(/\ninterrupted: nothing was written\n$/);
      expect(stderr).not.toMatch(/^error|a bug/m);
    });
  },
);

describe.skipIf(FLAG === undefined)("Node's permission model", () => {
  const folder = (): string => `--allow-fs-write=${temporary.path}`;
  const read = (): string => `--allow-fs-read=${temporary.path}`;

  thoroughly("lets edgec run with the permissions it needs", () => {
    expect(
      run([...MODEL, read(), folder(), "--allow-child-process", "--allow-worker"], compress()),
    ).toMatchObject({ status: 0, stderr: "" });
  });

  thoroughly("does not need threads", () =>
    expect(run([...MODEL, read(), folder(), "--allow-child-process"], compress())).toMatchObject({
      status: 0,
      stderr: "",
    }),
  );

  it("lets commands run that start no process", () => {
    expect(run(MODEL, ["inspect", LENET, "--no-passes"])).toMatchObject({ status: 0, stderr: "" });
    expect(run(MODEL, ["passes"])).toMatchObject({ status: 0, stderr: "" });
  });

  it.each([
    ["to start processes", () => [read(), folder()], /Add --allow-child-process\n$/],
    ["to write", () => [read(), "--allow-child-process"], /(Add --allow-fs-write=|is not writable).*\n$/],
  ])("that does not allow %s is reported in one line", (_, flags, message) => {
    const { status, stderr } = run([...MODEL, ...flags()], compress());
    expect(stderr).toMatch(message);
    expect([status, stderr.trim().split("\n").length]).toEqual([2, 1]);
  });
});
