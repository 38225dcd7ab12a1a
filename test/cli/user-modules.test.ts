import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { edgec, fixture, type Outcome } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { sampled } from "../support/thorough.js";

const LENET = fixture("models/lenet.onnx");
const temporary = temporaryFolder();

/** A module that gives valid samples and runs `code` at the place marked `{…}`. */
const FEEDS = {
  "as it loads": (code: string) => `${code}\nexport default function* () { yield FEED; yield FEED; }`,
  "while it gives a sample": (code: string) =>
    `export default async function* () { yield FEED; ${code}; yield FEED; yield FEED; }`,
};
const FEED = "{ input: [[0, 1, 2].map(() => Array.from({ length: 32 }, () => Array(32).fill(0.5)))] }";
const METRICS = {
  "while it computes": (code: string) =>
    `export default async function metric(samples) { ${code}; return samples.length; }`,
};

/** What a module may do wrong, and the resulting message. */
const MISDEEDS: Readonly<Record<string, readonly [code: string, message: RegExp]>> = {
  "ends the process": ["process.exit(0)", /ended the process/],
  "ends the process without its handlers": [
    "process.reallyExit(0)",
    /ended with exit code 0 before the run was complete/,
  ],
  "says that the run is complete": [
    'process.send(null); process.send("complete"); for (const token of [undefined, "", ' +
      '"00000000-0000-0000-0000-000000000000"]) process.send({ kind: "complete", token, ' +
      "exitCode: 0 });" +
      " await new Promise((done) => setTimeout(done, 200)); process.reallyExit(0)",
    /ended with exit code 0 before the run was complete/,
  ],
  "ends the process and changes its exit code": [
    'process.on("exit", () => (process.exitCode = 0)); process.exit(0)',
    /ended the process/,
  ],
  "listens for what is sent": [
    "let heard; const { send } = process; process.send = (message, ...rest) => (heard = " +
      "message, send.call(process, message, ...rest));" +
      ' process.on("message", (message) => (heard = message)); await new Promise((done) => setTimeout(done, 200));' +
      ' process.send({ ...heard, kind: "complete", exitCode: 0 }); process.reallyExit(0)',
    /ended with exit code 0 before the run was complete/,
  ],
  "waits for ever": ["await new Promise(() => undefined)", /the module never finished/],
  "throws in a timer": [
    'setTimeout(() => { throw new TypeError("no database") }, 1); await new Promise((done) => setTimeout(done, 500))',
    /outside edgec's calls.*: no database/,
  ],
  "rejects where nobody waits": [
    'Promise.reject("no database"); await new Promise((done) => setTimeout(done, 500))',
    /outside edgec's calls.*: no database/,
  ],
};

function expectBlame({ code, stdout, stderr }: Outcome, name: string, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr.split("\n").filter((line) => line !== "")).toEqual([
    expect.stringMatching(new RegExp(`^error: \\S*${name}`)),
  ]);
  expect([code, stdout]).toEqual([2, ""]);
}

const PLACES = [...Object.keys(FEEDS), ...Object.keys(METRICS)];
/** Every misdeed in every place; a sample has each of the places. */
const CASES = Object.keys(MISDEEDS).flatMap((misdeed) => PLACES.map((place) => [misdeed, place] as const));

describe("a module", () => {
  const sample = sampled(CASES, 13);
  it.each(sample.filter(([, place]) => place in FEEDS))(
    "that %s %s is an error that names it",
    async (misdeed, place) => {
      const [[code, message], feed] = [MISDEEDS[misdeed]!, FEEDS[place as keyof typeof FEEDS]];
      writeFileSync(join(temporary.path, "feed.mjs"), feed(code).replaceAll("FEED", FEED));
      const args = [
        "compress",
        LENET,
        "--int8",
        "--effort",
        "fast",
        "--calib",
        "feed.mjs",
        "-o",
        "o.onnx",
        "--quiet",
      ];
      expectBlame(await edgec(args, { cwd: temporary.path }), "feed.mjs", message);
      expect(readdirSync(temporary.path)).toEqual(["feed.mjs"]);
    },
  );

  it.each(sample.filter(([, place]) => place in METRICS))(
    "as a metric that %s %s is an error that names it",
    async (misdeed, place) => {
      const [[code, message], metric] = [MISDEEDS[misdeed]!, METRICS[place as keyof typeof METRICS]];
      writeFileSync(join(temporary.path, "metric.mjs"), metric(code));
      const args = [
        "verify",
        LENET,
        LENET,
        "--eval",
        fixture("digits/digits-rgb32-eval.npz"),
        "--metric",
        "metric.mjs",
        "--quiet",
      ];
      expectBlame(await edgec(args, { cwd: temporary.path }), "metric.mjs", message);
    },
  );
});

it("a timer that a module leaves running does not delay the end of a complete run", async () => {
  writeFileSync(
    join(temporary.path, "feed.mjs"),
    `setInterval(() => undefined, 1000);\n${FEEDS["as it loads"]("").replaceAll("FEED", FEED)}`,
  );
  const { code } = await edgec(
    ["compress", LENET, "--int8", "--effort", "fast", "--calib", "feed.mjs", "-o", "o.onnx", "--quiet"],
    { cwd: temporary.path },
  );
  expect([code, readdirSync(temporary.path).sort()]).toEqual([0, ["feed.mjs", "o.onnx"]]);
});

it("a module can change neither the exit code nor standard output", async () => {
  const code =
    'import own from "node:console"; process.exitCode = 1; process.on("exit", () => ' +
    '(process.exitCode = 1)); console.log("a"); own.info("b");';
  writeFileSync(join(temporary.path, "feed.mjs"), FEEDS["as it loads"](code).replaceAll("FEED", FEED));
  const args = ["verify", LENET, LENET, "--eval", "feed.mjs", "--json"];
  const outcome = await edgec(args, { cwd: temporary.path });
  expect(outcome.code).toBe(0);
  expect(JSON.parse(outcome.stdout)).toMatchObject({ verdict: { ok: true } });
  expect(outcome.stderr).toContain("a\nb\n");
});

it.each(["process.abort()", 'process.kill(process.pid, "SIGKILL")'])(
  "a module that calls %s is named",
  async (code) => {
    writeFileSync(join(temporary.path, "feed.mjs"), code);
    const args = ["verify", LENET, LENET, "--eval", "feed.mjs", "--quiet"];
    const { stderr } = await edgec(args, { cwd: temporary.path });
    expect(stderr).toMatch(/^error: .*, or the module feed\.mjs ended it\. /m);
  },
);

it("a missing metric is reported before any work", async () => {
  const args = ["compress", LENET, "--eval", fixture("digits/digits-rgb32-eval.npz"), "--metric", "tpo-1"];
  const { code, stdout, stderr } = await edgec([...args, "-o", "o.onnx", "--quiet"], { cwd: temporary.path });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(
    /^error: metric "tpo-1" is neither built in \(top-1, top-5\) nor a loadable module: there is no such file\n$/,
  );
});
