/**
 * Passes pipes, devices, sockets, files that the kernel generates and URLs in place of every file that is
 * read.
 */
import { execFileSync } from "node:child_process";
import { rmSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import {
  bench,
  compress,
  inspect,
  openDataset,
  readModel,
  sensitivity,
  verify,
  writeModel,
} from "../../src/index.js";
import { fedInputs } from "../../src/ir/index.js";
import { requireRegularFile, whyUnreadable } from "../../src/regular-file.js";
import { edgec } from "../support/run-edgec.js";
import { run } from "./in-process.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { makeUserFiles, type UserFiles } from "./user-files.js";

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);
let files: UserFiles;
beforeEach(() => {
  files = makeUserFiles(temporary.path);
});

/** A path of each kind, named `name` where edgec checks the extension. */
const KINDS: Readonly<Record<string, (name: string) => void>> = {
  "a pipe": (name) => void execFileSync("mkfifo", [name]),
  "a device that never ends": (name) => symlinkSync("/dev/zero", name),
  "a file that the kernel makes up": (name) => symlinkSync("/proc/self/maps", name),
};

const commands = ({
  model,
  calib,
  eval: evaluation,
  labels,
}: UserFiles): Readonly<Record<string, readonly [name: string, args: (path: string) => string[]]>> => ({
  "model of compress": ["x.onnx", (path) => ["compress", path]],
  "model of optimize": ["x.onnx", (path) => ["optimize", path]],
  "model of inspect": ["x.onnx", (path) => ["inspect", path]],
  "other model of inspect": ["x.onnx", (path) => ["inspect", model, "--diff", path]],
  "original of verify": ["x.onnx", (path) => ["verify", path, model]],
  "compressed of verify": ["x.onnx", (path) => ["verify", model, path]],
  "model of sensitivity": ["x.onnx", (path) => ["sensitivity", path, "--calib", calib]],
  "second model of bench": ["x.onnx", (path) => ["bench", model, path]],
  "calibration npz": ["x.npz", (path) => ["compress", model, "--int8", "--calib", path]],
  "calibration npy": ["x.npy", (path) => ["compress", model, "--int8", "--calib", path]],
  "calibration jsonl": ["x.jsonl", (path) => ["compress", model, "--int8", "--calib", path]],
  "calibration module": ["x.mjs", (path) => ["compress", model, "--int8", "--calib", path]],
  "calibration of sensitivity": ["x.npz", (path) => ["sensitivity", model, "--calib", path]],
  "evaluation data": ["x.npz", (path) => ["verify", model, model, "--eval", path]],
  "data of bench": ["x.npz", (path) => ["bench", model, "--data", path]],
  labels: ["x.npy", (path) => ["compress", model, "--eval", evaluation, "--labels", path]],
  metric: [
    "x.mjs",
    (path) => ["verify", model, model, "--eval", evaluation, "--labels", labels, "--metric", path],
  ],
  replay: ["x.json", (path) => ["compress", model, "--int8", "--calib", calib, "--replay", path]],
  target: ["x.json", (path) => ["compress", model, "--target", path]],
  "emulated target": ["x.json", (path) => ["verify", model, model, "--emulate", path]],
});

describe("an empty path", () => {
  const named =
    /^(--[a-z-]+ is empty: give |cannot read "": the path is empty\. Give |there is no target ""\. Give )/;
  it.each(Object.keys(commands({} as UserFiles)))("is refused as: %s", async (what) => {
    const { error } = await run(commands(files)[what]![1](""));
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(named) as string });
  });

  it.each([
    ["output", (path: string) => ["compress", files.model, "--output", path]],
    ["report", (path: string) => ["compress", files.model, "--report", path]],
    ["report of verify", (path: string) => ["verify", files.model, files.model, "--report", path]],
  ])("is refused as: %s", async (_what, args) => {
    const { error } = await run(args(""));
    expect(error).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(
        /^cannot write .*"": the name is empty\. Give a file name with /,
      ) as string,
    });
  });

  it("is refused by the functions of the library that take one", async () => {
    const model = readModel(files.model);
    const inputs = fedInputs(model);
    const empty = { message: expect.stringMatching(/ is empty[.:] [Gg]ive /) as string };
    for (const job of [
      () => readModel(""),
      () => openDataset("", inputs),
      () => openDataset(files.eval, inputs, { labels: "" }),
      () => sensitivity(files.model, { calib: "" }),
      () => sensitivity("", { calib: files.calib }),
      () => bench([files.model, ""]),
      () => bench([files.model], { data: "" }),
      () => verify(files.model, files.model, { eval: files.eval, labels: "" }),
      () => verify(files.model, files.model, { eval: files.eval, metric: "" }),
      () => compress(files.model, { calib: "", int8: true }),
      () => compress(files.model, { output: "" }),
      () => inspect(""),
      () => Promise.resolve(writeModel(model, "")),
    ])
      await expect((async () => job())()).rejects.toMatchObject(empty);
  });
});

describe.skipIf(process.platform !== "linux").each(Object.keys(KINDS))("%s", (kind) => {
  it.each(Object.keys(commands({} as UserFiles)))("is refused as: %s", async (what) => {
    const [name, args] = commands(files)[what]!;
    KINDS[kind]!(inFolder(name));
    const { error } = await run(args(inFolder(name)));
    expect(error).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(
        new RegExp(`${name}: (it is a (pipe|device), not a file|the system generates its content)`),
      ) as string,
    });
  });

  it("is refused as a tensor in a folder of data", async () => {
    rmSync(files.member);
    KINDS[kind]!(files.member);
    expect((await run(["compress", files.model, "--int8", "--calib", files.sets])).error).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("input_0.pb: ") as string,
    });
  });

  it("is refused as a data file of the model, by every command", async () => {
    rmSync(files.weights);
    KINDS[kind]!(files.weights);
    for (const args of [
      ["compress", files.model],
      ["inspect", files.model],
      ["verify", files.model, files.model],
      ["bench", files.model],
      ["sensitivity", files.model, "--calib", files.calib],
    ]) {
      expect((await run(args)).error).toMatchObject({
        code: "BAD_MODEL",
        message: expect.stringContaining('keeps weights in "weights.bin", which is not a file') as string,
      });
    }
  });

  it("is not replaced by the output", async () => {
    KINDS[kind]!(inFolder("out.onnx"));
    const { error } = await run(["compress", files.model, "-o", inFolder("out.onnx"), "--no-verify"]);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(whyUnreadable(inFolder("out.onnx"))).toBeDefined();
  });
});

it.skipIf(process.platform === "win32")("refuses sockets", async () => {
  const server = await new Promise<Server>((resolve) => {
    const made: Server = createServer().listen(inFolder("s.onnx"), () => resolve(made));
  });
  try {
    expect(() => requireRegularFile(inFolder("s.onnx"))).toThrow("it is a socket, not a file");
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

it("accepts files, folders and missing paths, whose readers report errors", () => {
  for (const path of [files.model, temporary.path, inFolder("missing.onnx"), "C:\\models\\m.onnx"])
    expect(whyUnreadable(path)).toBeUndefined();
});

describe("URLs", () => {
  it.each([
    "https://example.org/m.onnx",
    "http://example.org/m.onnx",
    "s3://bucket/m.onnx",
    "hf://a/b/m.onnx",
  ])("%s: edgec reads local files", async (url) => {
    for (const args of [
      ["compress", url],
      ["optimize", url],
      ["inspect", url],
      ["verify", files.model, url],
      ["bench", url],
      ["compress", files.model, "--int8", "--calib", url],
    ]) {
      expect((await run(args)).error).toMatchObject({
        exitCode: 2,
        message: `cannot read ${url}: it is a URL, and edgec reads local files only. Download it first.`,
      });
    }
  });

  it("are refused as outputs", async () => {
    expect((await run(["compress", files.model, "-o", "https://example.org/m.onnx"])).error).toMatchObject({
      message: expect.stringContaining("edgec writes local files") as string,
    });
    expect(
      (await run(["compress", files.model, "--report", "https://example.org/r.json"])).error,
    ).toMatchObject({ message: expect.stringContaining("edgec writes local files") as string });
  });
});

it.skipIf(process.platform === "win32")("says that standard input cannot be read again", async () => {
  for (const path of ["-", "/dev/stdin"]) {
    const { code, stderr } = await edgec(["inspect", path], { cwd: temporary.path });
    expect([code, stderr]).toEqual([
      2,
      `error: cannot read ${path}: edgec reads files more than once, which standard input ` +
        "does not allow. Save it to a file first.\n",
    ]);
  }
});
