/** Every path that is written, on every file that is read, by name and by link: nothing of the user's is ever lost. */
import { execFileSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { EdgecError } from "../../src/errors.js";
import { readModel, tensorBytes } from "../../src/index.js";
import { identityOf } from "../../src/pipeline/file-identity.js";
import { run } from "./in-process.js";
import { temporaryFolder } from "./temporary-folder.js";
import { contents, makeUserFiles, type UserFiles } from "./user-files.js";

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);
let files: UserFiles;
beforeEach(() => {
  files = makeUserFiles(temporary.path);
});

/** Options under which every kind of file is read. */
const reading = ({ model, calib, eval: evaluation, labels, metric, target }: UserFiles): string[] => [
  "compress",
  model,
  "--int8",
  "--calib",
  calib,
  "--eval",
  evaluation,
  "--labels",
  labels,
  "--metric",
  metric,
  "--target",
  target,
  "--no-verify",
  "--quiet",
];

const READ = ["model", "weights", "calib", "eval", "labels", "metric", "target", "replay", "member"] as const;
const WRITTEN = ["output", "its weights", "search state", "JSON report", "Markdown report"] as const;
const WAYS = ["name", "symlink", "hard link"] as const;

/** The flags that write a file at `place`, which is named as that kind of file is. */
function writing(written: (typeof WRITTEN)[number], place: string): string[] {
  switch (written) {
    case "output":
      return ["-o", place];
    case "its weights":
      return ["--external-data", "-o", place.slice(0, -".data".length)];
    case "search state":
      return ["-o", place.slice(0, -".search.json".length)];
    default:
      return ["-o", inFolder("fresh.onnx"), "--report", place];
  }
}

const NAMES: Readonly<Record<(typeof WRITTEN)[number], string>> = {
  output: "out.onnx",
  "its weights": "out.onnx.data",
  "search state": "out.onnx.search.json",
  "JSON report": "out.json",
  "Markdown report": "out.md",
};

describe.each(WRITTEN)("%s", (written) => {
  describe.each(READ)("on the file of: %s", (read) => {
    it.each(WAYS)("by %s", async (way) => {
      const replay = inFolder("replay.json");
      writeFileSync(
        replay,
        JSON.stringify({ decisions: { kept: [], takenBack: [], floatNodes: [], storedOnly: false } }),
      );
      const target = read === "replay" ? replay : files[read];
      const flags = [
        ...reading(files),
        ...(read === "replay" ? ["--replay", replay] : []),
        ...(read === "member" ? ["--calib", files.sets] : []),
      ];
      if (read === "member") flags.splice(flags.indexOf("--calib"), 2);
      const place = way === "name" ? target : inFolder(NAMES[written]);
      // The names of what is written beside the output follow from its own.
      if (way === "name" && (written === "its weights" || written === "search state")) return;
      if (way === "symlink") symlinkSync(target, place);
      if (way === "hard link") linkSync(target, place);
      const before = contents(temporary.path);
      for (const force of [false, true]) {
        // What --force is for.
        if (force && written === "output" && read === "model") continue;
        const { error } = await run([...flags, ...writing(written, place), ...(force ? ["--force"] : [])]);
        expect(error).toBeInstanceOf(EdgecError);
        expect(error).toMatchObject({
          exitCode: 2,
          message: expect.stringMatching(
            /has that name|is another name of|onnx is the |is a part of|holds weights|exists, and edgec|is the ending of|no report of edgec/,
          ) as string,
        });
        expect(contents(temporary.path)).toEqual(before);
      }
    });
  });
});

it("runs where no two of them are one", async () => {
  const { error } = await run([
    ...reading(files),
    "-o",
    inFolder("out.onnx"),
    "--report",
    inFolder("out.json"),
    "--report",
    inFolder("out.md"),
  ]);
  expect(error).toBeUndefined();
  expect(Object.keys(contents(temporary.path))).toEqual(expect.arrayContaining(["out.onnx", "out.json", "out.md"]));
});

it("does not write one file where another of the same run goes", async () => {
  for (const [flags, message] of [
    [["--report", inFolder("out.onnx")], "the model "],
    [["--report", inFolder("out.onnx.data")], "the data file of the model "],
    [["--report", inFolder("out.onnx.search.json")], "what a search keeps while it runs "],
    [["--report", inFolder("a.json"), "--report", join(temporary.path, ".", "a.json")], "another report "],
  ] as const) {
    const { error } = await run(["compress", files.model, "-o", inFolder("out.onnx"), "--no-verify", ...flags]);
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) as string });
  }
});

it("does not write one file where another goes, through links to what does not exist yet", async () => {
  const aside = inFolder("aside");
  mkdirSync(aside);
  symlinkSync(join("aside", "c.json"), inFolder("first.json"));
  symlinkSync("first.json", inFolder("second.json"));
  symlinkSync(inFolder("out.onnx"), inFolder("model.json"));
  symlinkSync("circle.json", inFolder("circle.json"));
  for (const [reports, message] of [
    [["model.json"], "another name of the model "],
    [["first.json", "second.json"], "another name of another report "],
    [["aside/c.json", "second.json"], "another name of another report "],
  ] as const) {
    const flags = reports.flatMap((name) => ["--report", inFolder(name)]);
    const { error } = await run(["compress", files.model, "-o", inFolder("out.onnx"), "--no-verify", ...flags]);
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) as string });
  }
  expect(identityOf(inFolder("circle.json")).place).toBe(inFolder("circle.json"));
});

describe.skipIf(process.platform !== "linux")("a report", () => {
  it("replaces no file below /dev that is not edgec's", async () => {
    const folder = mkdtempSync("/dev/shm/edgec-test-");
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const report = join(folder, "r.json");
    writeFileSync(report, "mine");
    const args = ["compress", files.model, "-o", inFolder("out.onnx"), "--no-verify", "--quiet", "--report"];
    expect((await run([...args, report])).error).toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(readFileSync(report, "utf8")).toBe("mine");
  });

  it("does not wait for a reader of a pipe, and is read whole where there is one", async () => {
    const pipe = inFolder("pipe.json");
    execFileSync("mkfifo", [pipe]);
    const args = ["compress", files.model, "-o", inFolder("out.onnx"), "--no-verify", "--quiet", "--report", pipe];
    expect((await run(args)).error).toMatchObject({
      code: "CANNOT_WRITE",
      message: expect.stringContaining("a pipe that nothing reads from") as string,
    });
    const reading = readFile(pipe, "utf8");
    expect((await run(args)).error).toBeUndefined();
    expect(JSON.parse(await reading)).toMatchObject({ verdict: { ok: true } });
  });
});

it("keeps both models, their weights and all data from the report of a comparison", async () => {
  await run(["compress", files.model, "-o", inFolder("out.onnx"), "--external-data", "--no-verify", "--quiet"]);
  const read = [
    files.model,
    files.weights,
    inFolder("out.onnx"),
    inFolder("out.onnx.data"),
    files.eval,
    files.labels,
    files.metric,
  ];
  const before = contents(temporary.path);
  for (const path of read)
    for (const force of [[], ["--force"]]) {
      const { error } = await run([
        "verify",
        files.model,
        inFolder("out.onnx"),
        "--eval",
        files.eval,
        "--labels",
        files.labels,
        "--metric",
        files.metric,
        "--report",
        path,
        ...force,
      ]);
      expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(/has that name/) as string });
    }
  expect(contents(temporary.path)).toEqual(before);
});

describe("a file that is there already", () => {
  const output = (...flags: readonly string[]): Promise<{ error: unknown }> =>
    run(["optimize", files.model, "--no-verify", "--quiet", ...flags]);

  it("is replaced when edgec wrote it: a model, its data, a report in either form", async () => {
    const flags = [
      "-o",
      inFolder("out.onnx"),
      "--external-data",
      "--report",
      inFolder("r.json"),
      "--report",
      inFolder("r.md"),
    ];
    for (const round of [1, 2]) expect([round, (await output(...flags)).error]).toEqual([round, undefined]);
  });

  it("is replaced when it is empty, as mktemp makes it", async () => {
    for (const name of ["out.onnx", "r.json"]) writeFileSync(inFolder(name), "");
    expect((await output("-o", inFolder("out.onnx"), "--report", inFolder("r.json"))).error).toBeUndefined();
    expect(statSync(inFolder("r.json")).size).toBeGreaterThan(0);
  });

  it("stays when it is a copy of what is read, as the result is another", async () => {
    const original = readFileSync(files.model);
    writeFileSync(inFolder("copy.onnx"), original);
    expect((await output("-o", inFolder("copy.onnx"))).error).toMatchObject({ code: "OUTPUT_EXISTS" });
    expect(readFileSync(inFolder("copy.onnx")).equals(original)).toBe(true);
  });

  it("is replaced under the default name, which nobody else would choose", async () => {
    writeFileSync(inFolder("m.edgec.onnx"), "of an earlier version");
    expect((await output()).error).toBeUndefined();
    expect(readModel(inFolder("m.edgec.onnx")).graph.nodes).toHaveLength(1);
  });

  it("stays when it is the user's, unless --force is given", async () => {
    const [model = "", data = "", notes = "", settings = ""] = files.bystanders;
    for (const flags of [
      ["-o", model],
      ["-o", inFolder("other"), "--external-data"],
      ["-o", inFolder("out.onnx"), "--report", notes],
      ["-o", inFolder("out.onnx"), "--report", settings],
    ]) {
      const before = contents(temporary.path);
      expect((await output(...flags)).error).toMatchObject({
        code: "OUTPUT_EXISTS",
        message: expect.stringContaining("--force") as string,
      });
      expect(contents(temporary.path)).toEqual(before);
      expect((await output(...flags, "--force")).error).toBeUndefined();
      expect(contents(temporary.path)).not.toEqual(before);
    }
    expect(readFileSync(data, "latin1")).not.toContain("weights of something else");
  });

  it("stays when it is a report and a model is to be written, or the other way", async () => {
    await output("-o", inFolder("out.onnx"), "--report", inFolder("report"));
    const before = contents(temporary.path);
    expect((await output("-o", inFolder("report"))).error).toMatchObject({ code: "OUTPUT_EXISTS" });
    expect((await output("-o", inFolder("new.onnx"), "--report", inFolder("out.onnx"))).error).toMatchObject({
      code: "OUTPUT_EXISTS",
    });
    expect(contents(temporary.path)).toEqual(before);
  });
});

describe("--force in place", () => {
  const weightsOf = (path: string): string =>
    Buffer.from(tensorBytes(readModel(path).graph.initializers[0]!)).toString("base64");

  it.each([
    ["weights.bin", []],
    ["weights.bin", ["--external-data"]],
    ["m.onnx.data", []],
    ["m.onnx.data", ["--external-data"]],
  ])("keeps the values of a model with weights in %s, given %j", async (weights, flags) => {
    rmSync(files.weights);
    files = makeUserFiles(temporary.path, weights);
    const before = weightsOf(files.model);
    expect(
      (await run(["optimize", files.model, "-o", files.model, "--force", "--no-verify", "--quiet", ...flags])).error,
    ).toBeUndefined();
    expect(weightsOf(files.model)).toBe(before);
    expect(readModel(files.model).graph.initializers[0]?.external?.location).toBe(
      flags.length === 0 ? undefined : "m.onnx.data",
    );
  });

  it("never destroys the weights of a model that stays", async () => {
    rmSync(files.weights);
    for (const weights of ["o.onnx", "o.onnx.data"]) {
      files = makeUserFiles(temporary.path, weights);
      const before = contents(temporary.path);
      for (const force of [[], ["--force"]]) {
        const { error } = await run([
          "optimize",
          files.model,
          "-o",
          inFolder("o.onnx"),
          "--external-data",
          "--no-verify",
          ...force,
        ]);
        expect(error).toMatchObject({
          code: "OUTPUT_EXISTS",
          message: expect.stringMatching(/holds weights of the model being read|exists/) as string,
        });
        expect(contents(temporary.path)).toEqual(before);
      }
      rmSync(inFolder(basename(files.weights)));
    }
  });
});
