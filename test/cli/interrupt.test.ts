import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { descendantsOf, isAlive } from "../support/processes.js";
import { BIN } from "../support/run-edgec.js";
import { writeSlowModel, type SlowFiles } from "./slow-model.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { sampled } from "../support/thorough.js";

const CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof CODES;

const temporary = temporaryFolder();
let files: SlowFiles;
let scratch: string;
let output: string;
beforeEach(() => {
  for (const name of ["tmp", "out"]) mkdirSync(join(temporary.path, name));
  [scratch, output] = [join(temporary.path, "tmp"), join(temporary.path, "out")];
  files = writeSlowModel(temporary.path);
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  stderr(): string;
}

function start(args: readonly string[]): Run {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...process.env, TMPDIR: scratch },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return { child, ended: new Promise((resolve) => child.on("close", resolve)), stderr: () => stderr };
}

/** Waits until `condition` holds. */
async function until(condition: () => boolean, run: Run): Promise<void> {
  for (let i = 0; i < 3000; i++) {
    if (condition()) return;
    if (run.child.exitCode !== null) throw new Error(`the run came to its end before: ${run.stderr()}`);
    await sleep(10);
  }
  throw new Error("it did not come to that");
}

/** Lists files, ignoring folders that disappear meanwhile. */
function isIn(folder: string, part: string): boolean {
  try {
    return readdirSync(folder, { recursive: true }).some((name) => String(name).includes(part));
  } catch {
    return false;
  }
}

/** Sends the signal, only to the process as `kill` does, and checks what is left. */
async function expectCleanEnd(run: Run, signal: Signal): Promise<void> {
  const started = descendantsOf(run.child.pid!);
  expect(started.length).toBeGreaterThan(0);
  run.child.kill(signal);
  expect(await run.ended).toBe(CODES[signal]);
  expect([readdirSync(scratch), readdirSync(output)]).toEqual([[], []]);
  expect(started.filter(isAlive)).toEqual([]);
  expect(run.stderr()).toContain("interrupted");
  expect(run.stderr()).not.toContain("error:");
}

const compress = (...flags: string[]): string[] => [
  "compress",
  files.model,
  ...flags,
  "--calib",
  files.data,
  "-o",
  join(output, "o.onnx"),
  "--debug",
];

interface Moment {
  readonly args: () => string[];
  readonly isThere: (run: Run) => boolean;
}

/** The phase that a run is in, as seen from outside. */
const MOMENTS: Readonly<Record<string, Moment>> = {
  calibrating: { args: () => compress("--int8"), isThere: () => isIn(scratch, "calibration") },
  pruning: {
    args: () => compress("--prune", "0.5"),
    isThere: (run) => run.stderr().includes("running prune-magnitude"),
  },
  scoring: { args: () => compress("--int8", "--effort", "best"), isThere: () => isIn(scratch, "-score-") },
  encoding: {
    args: () => compress("--storage", "int8"),
    isThere: (run) => run.stderr().includes("running encode-weights"),
  },
  "writing and comparing": { args: () => compress(), isThere: () => isIn(output, "planned") },
  "measuring latency": {
    args: () => ["bench", files.model, files.model, "--runs", "100000"],
    isThere: (run) => descendantsOf(run.child.pid!).length > 1,
  },
};

describe.skipIf(process.platform !== "linux")(
  "a signal ends all processes and leaves no temporary file",
  () => {
    const signals = Object.keys(CODES) as Signal[];
    const cases = [
      ...Object.keys(MOMENTS).map((moment, k): [string, Signal] => [moment, signals[k % signals.length]!]),
      ...signals
        .filter((signal) => signal !== "SIGINT")
        .map((signal): [string, Signal] => ["pruning", signal]),
    ];
    it.each(sampled([...new Set(cases.map(String))], 4).map((each) => each.split(",") as [string, Signal]))(
      "while %s, %s",
      async (moment, signal) => {
        const { args, isThere } = MOMENTS[moment]!;
        const run = start(args());
        await until(() => isThere(run), run);
        // A pass that computes in one go is in the middle of it soon after it was told.
        await sleep(moment === "pruning" ? 300 : 0);
        await expectCleanEnd(run, signal);
      },
    );

    it("at any moment", async () => {
      for (const wait of sampled([60, 170, 410, 890], 3)) {
        const run = start(compress("--prune", "0.5", "--int8"));
        await sleep(wait);
        await until(() => descendantsOf(run.child.pid!).length > 0, run);
        await expectCleanEnd(run, "SIGTERM");
      }
    });

    it("from a terminal, which sends it to every process of the group", async () => {
      const child = spawn(process.execPath, [BIN, ...compress("--prune", "0.5")], {
        env: { ...process.env, TMPDIR: scratch },
        stdio: ["ignore", "ignore", "pipe"],
        detached: true,
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      const run: Run = {
        child,
        ended: new Promise((resolve) => child.on("close", resolve)),
        stderr: () => stderr,
      };
      await until(() => stderr.includes("running prune-magnitude"), run);
      const started = descendantsOf(child.pid!);
      process.kill(-child.pid!, "SIGINT");
      expect(await run.ended).toBe(130);
      expect([readdirSync(scratch), readdirSync(output), started.filter(isAlive)]).toEqual([[], [], []]);
    });
  },
);

describe.skipIf(process.platform !== "linux")("kill -9", () => {
  it("ends all processes, and the next run removes what was left", async () => {
    const run = start(compress("--prune", "0.5"));
    await until(() => run.stderr().includes("running prune-magnitude"), run);
    const started = descendantsOf(run.child.pid!);
    run.child.kill("SIGKILL");
    await run.ended;
    for (let i = 0; i < 200 && started.some(isAlive); i++) await sleep(50);
    expect(started.filter(isAlive)).toEqual([]);
    // The run has not gone on to its end: only what it was working in is there.
    expect(readdirSync(output)).toEqual([expect.stringMatching(/^\.edgec-/)]);
    expect(await start(compress("--quiet")).ended).toBe(0);
    expect([readdirSync(scratch), readdirSync(output)]).toEqual([[], ["o.onnx"]]);
  });

  it("of the worker process is reported in one line", async () => {
    const run = start(compress("--prune", "0.5"));
    await until(() => run.stderr().includes("running prune-magnitude"), run);
    const [worker] = descendantsOf(run.child.pid!);
    process.kill(worker!, "SIGKILL");
    expect(await run.ended).toBe(2);
    expect(run.stderr()).toMatch(
      /\nerror: edgec was killed \(SIGKILL, most likely out of memory\)\.[^\n]*\n$/,
    );
    expect([readdirSync(scratch), readdirSync(output)]).toEqual([[], []]);
  });

  it.each(sampled(["calibrating", "scoring", "writing and comparing"], 3))(
    "of onnxruntime's process is no bug in edgec, while %s",
    async (moment) => {
      const { args, isThere } = MOMENTS[moment]!;
      const run = start(args());
      await until(() => isThere(run), run);
      await until(() => descendantsOf(run.child.pid!).length > 1, run);
      for (const pid of descendantsOf(run.child.pid!).slice(1)) process.kill(pid, "SIGKILL");
      // A trial that is lost may be done without; the comparison may not.
      expect([0, 2]).toContain(await run.ended);
      expect(run.stderr()).not.toContain("bug in edgec");
      expect([readdirSync(scratch), readdirSync(output).filter((name) => name !== "o.onnx")]).toEqual([
        [],
        [],
      ]);
    },
  );
});
