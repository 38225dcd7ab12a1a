import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { npyBytes, npzBytes } from "../support/npy-bytes.js";
import { BIN, edgec, fixture } from "../support/run-edgec.js";
import { writeFewSamples } from "../support/few-samples.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { sampled, thoroughly } from "../support/thorough.js";

const LENET = fixture("models/lenet.onnx");
const CALIB = "few.npz";
const temporary = temporaryFolder();
const here = (name: string): string => join(temporary.path, name);

beforeEach(() => {
  for (const name of ["home", "tmp", "out"]) mkdirSync(here(name));
  writeFewSamples(here(CALIB));
});

/** Every command that reads a model, with flags that start every kind of process. */
const COMMANDS: readonly (readonly string[])[] = [
  [
    "compress",
    LENET,
    "--int8",
    "--effort",
    "fast",
    "--calib",
    CALIB,
    "--eval",
    CALIB,
    "-o",
    "out/c.onnx",
    "--report",
    "out/c.json",
    "--quiet",
  ],
  ["optimize", LENET, "-o", "out/o.onnx", "--quiet"],
  ["verify", LENET, LENET, "--eval", CALIB, "--across", "--quiet"],
  ["inspect", LENET, "--run", "--dim", "N=1", "--json"],
  ["bench", LENET, LENET, "--runs", "5"],
  ["sensitivity", LENET, "--calib", CALIB, "--top", "1"],
  ["passes"],
  ["targets"],
  ["--help"],
];

/** An environment without a telemetry setting, with empty folders for anything that may be left behind. */
function environment(): NodeJS.ProcessEnv {
  const home = here("home");
  return {
    ...process.env,
    ORT_DISABLE_TELEMETRY: undefined,
    HOME: home,
    USERPROFILE: home,
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
    TMPDIR: here("tmp"),
  };
}

describe.each(
  sampled(COMMANDS, COMMANDS.length).map(
    (command) => [command.find((word) => !word.startsWith("/")) ?? "", command] as const,
  ),
)("edgec %s", (_, command) => {
  thoroughly("leaves nothing in the home folder or the temporary folder", () => {
    const { status, stderr } = spawnSync(process.execPath, [BIN, ...command], {
      cwd: temporary.path,
      env: environment(),
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    expect([readdirSync(here("home")), readdirSync(here("tmp"))]).toEqual([[], []]);
  });

  it.skipIf(spawnSync("strace", ["-V"]).status !== 0)(
    "connects to nothing, looks up no name, and leaves nothing behind",
    () => {
      const trace = ["-f", "--seccomp-bpf", "-qq", "-o", here("trace"), "-e", "trace=network"];
      const { status } = spawnSync("strace", [...trace, process.execPath, BIN, ...command], {
        cwd: temporary.path,
        env: environment(),
      });
      expect(status).toBe(0);
      expect([readdirSync(here("home")), readdirSync(here("tmp"))]).toEqual([[], []]);
      const calls = readFileSync(here("trace"), "utf8").split("\n");
      // Sockets between edgec's own processes have no name that anything could connect to.
      expect(
        calls.filter(
          (call) =>
            /\b(socket|connect|bind|sendto|sendmsg)\(/.test(call) &&
            /AF_INET|AF_INET6|AF_NETLINK|sin_port|nscd|resolve/.test(call),
        ),
      ).toEqual([]);
      expect(calls.filter((call) => /\bconnect\(/.test(call))).toEqual([]);
    },
  );
});

it("a report contains no sample and no label", async () => {
  const count = 12;
  const value = 0.7310585;
  const label = "an-answer-of-mine";
  const inputs = Float32Array.from({ length: count * 3 * 32 * 32 }, (_, k) =>
    k % 7 === 0 ? value : Math.sin(k),
  );
  writeFileSync(here("d.npz"), npzBytes({ input: npyBytes("<f4", [count, 3, 32, 32], inputs) }, 0));
  writeFileSync(
    here("labels.json"),
    JSON.stringify(Array.from({ length: count }, (_, k) => `${label}-${k}`)),
  );
  writeFileSync(here("metric.mjs"), "export default (samples) => samples.length;");
  const args = [
    "compress",
    LENET,
    "--int8",
    "--effort",
    "fast",
    "--calib",
    "d.npz",
    "--eval",
    "d.npz",
    "--labels",
    "labels.json",
    "--metric",
    "metric.mjs",
    "-o",
    "o.onnx",
  ];
  const { code, stdout } = await edgec([...args, "--report", "r.json", "--explain"], { cwd: temporary.path });
  expect(code).toBe(0);
  const texts = [stdout, readFileSync(here("r.json"), "utf8"), readFileSync(here("o.onnx"), "latin1")];
  for (const text of texts)
    for (const secret of [label, String(value).slice(0, 7)]) expect(text).not.toContain(secret);
});
