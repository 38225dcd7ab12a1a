import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { buildProgram } from "../../src/cli/program.js";
import { isReport } from "../../src/report/report-formats.js";
import { reportJson, reportMarkdown, type Report } from "../../src/index.js";
import { SAMPLE } from "../support/sample-report.js";
import { edgecHere, run } from "./in-process.js";
import { BIN, edgec } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { contents, makeUserFiles, type UserFiles } from "./user-files.js";

const temporary = temporaryFolder();
const inFolder = (name: string): string => join(temporary.path, name);
let files: UserFiles;
beforeEach(() => {
  files = makeUserFiles(temporary.path);
});
const optimize = (...flags: readonly string[]): string[] => [
  "optimize",
  files.model,
  "-o",
  inFolder("out.onnx"),
  "--no-verify",
  ...flags,
];
const json = (name: string): Report => JSON.parse(readFileSync(inFolder(name), "utf8")) as Report;

describe("--report", () => {
  it("may be repeated and writes each file", async () => {
    expect(
      (await run(optimize(...["a.json", "b.md", "c.json"].flatMap((name) => ["--report", inFolder(name)]))))
        .error,
    ).toBeUndefined();
    expect(json("a.json").written).toEqual([inFolder("out.onnx")]);
    expect(json("c.json")).toEqual(json("a.json"));
    expect(readFileSync(inFolder("b.md"), "utf8")).toMatch(/^# /);
  });

  it("writes the report of a comparison to each file too", async () => {
    const places = ["--report", inFolder("a.json"), "--report", inFolder("b.md")];
    expect((await run(["verify", files.model, files.model, "--quiet", ...places])).error).toBeUndefined();
    expect(json("a.json").written).toEqual([]);
    expect(readFileSync(inFolder("b.md"), "utf8")).toContain("| size |");
  });

  it("is refused with a clear message when it names one file twice", async () => {
    const { error } = await run(
      optimize("--report", inFolder("a.json"), "--report", `${temporary.path}/./a.json`),
    );
    expect(error).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("the name is given more than once. Name each file once") as string,
    });
    expect(readdirSync(temporary.path)).not.toContain("a.json");
  });

  it("- writes to standard output, which then holds nothing else, and to no file of that name", async () => {
    const { code, stdout, stderr } = await edgec(optimize("--report", "-", "--report", inFolder("a.json")), {
      cwd: temporary.path,
    });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(json("a.json"));
    expect(stderr).toMatch(/^plan: /);
    expect(readdirSync(temporary.path)).not.toContain("-");
  });

  it.skipIf(process.platform === "win32")("does not replace the file that standard output goes to", () => {
    const path = inFolder("log");
    execFileSync("sh", [
      "-c",
      `echo before > "${path}"; "${process.execPath}" "${BIN}" ` +
        `${optimize("--quiet", "--report", "/dev/stdout").join(" ")} >> "${path}"; echo ` +
        `after >> "${path}"`,
    ]);
    const [, report = ""] = /^before\n([^]*)after\n$/.exec(readFileSync(path, "utf8")) ?? [];
    expect(JSON.parse(report)).toMatchObject({ schemaVersion: 1 });
  });

  it.skipIf(process.platform === "win32")("writes directly into a pipe", async () => {
    execFileSync("mkfifo", [inFolder("pipe")]);
    const reader = spawn("cat", [inFolder("pipe")]);
    let text = "";
    reader.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    const ended = new Promise((resolve) => reader.on("close", resolve));
    expect((await run(optimize("--report", inFolder("pipe")))).error).toBeUndefined();
    await ended;
    expect(JSON.parse(text)).toMatchObject({ schemaVersion: 1 });
  });

  it("refuses two uses of standard output", async () => {
    for (const flags of [
      ["--report", "-", "--json"],
      ["--report", "-", "--report", "-"],
      ["--report", "-", "--report", "/dev/stdout"],
    ]) {
      expect((await run(optimize(...flags))).error).toMatchObject({
        code: "BAD_OPTION",
        message: expect.stringContaining("both write to standard output. Give one of them.") as string,
      });
    }
  });

  it("is written to the other files when one fails, and the failure is reported", async () => {
    symlinkSync("/proc/self/maps", inFolder("p.json"));
    const { error } = await run(optimize("--report", inFolder("p.json"), "--report", inFolder("a.json")));
    expect(error).toMatchObject({
      code: "CANNOT_WRITE",
      message: expect.stringContaining("The model itself was written.") as string,
    });
    expect(json("a.json").written).toEqual([inFolder("out.onnx")]);
  });
});

describe("files that edgec recognizes as its report", () => {
  it.each([
    ["JSON", reportJson(SAMPLE), true],
    ["Markdown", reportMarkdown(SAMPLE), true],
    ["JSON of another tool", '{ "schemaVersion": 1 }', false],
    ["text", "# Report\n", false],
    ["broken JSON", '{ "schemaVersion": 1, "edgec"', false],
  ])("%s", (_, text, expected) => {
    writeFileSync(inFolder("r"), text);
    expect(isReport(inFolder("r"))).toBe(expected);
  });
});

describe("-o", () => {
  it.each(["x.ort", "x.HTML", "x.json", "x.tflite", "x.npz", "x.md", "x.zip", "x.onnx.data", "x.pbtxt", "-"])(
    "%s is refused before any work is done",
    async (name) => {
      const before = contents(temporary.path);
      const { code, stdout, stderr } = await edgecHere(["compress", files.model, "-o", name], {
        cwd: temporary.path,
      });
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/^error: cannot write .* with -o/);
      expect(contents(temporary.path)).toEqual(before);
    },
  );

  it.each(["x.onnx", "x", "x.v2", "x.pb", "x.quant"])("%s is accepted", async (name) => {
    expect(
      (await run(["optimize", files.model, "-o", inFolder(name), "--no-verify", "--quiet"])).error,
    ).toBeUndefined();
  });
});

describe("options given twice", () => {
  const isList = /may be (repeated|given more than once)/;
  const commands = buildProgram().commands.filter((command) => command.name() !== "help");
  const all = commands.flatMap((command) =>
    command.options.map((option) => ({
      command: command.name(),
      flag: option.long ?? "",
      takesValue: option.required,
      list: isList.test(option.description),
    })),
  );

  it.each(all.filter(({ list }) => !list))(
    "$command $flag is refused",
    async ({ command, flag, takesValue }) => {
      // Values that the options take, where they look at them at once.
      const value =
        {
          "--sort": "name",
          "--time-budget": "5s",
          "--max-latency": "1ms",
          "--max-size": "1MB",
          "--max-macs": "1M",
          "--max-load-memory": "1MB",
          "--max-load-time": "1ms",
          "--weight-bits": "8",
          "--max-drop": "0",
          "--runtimes": "node",
          "--fold-limit": "1s",
          "--load-limit": "1s",
        }[flag] ?? (/--(threads|top|runs|seed|min-sqnr|min-agreement|max-slowdown)$/.test(flag) ? "1" : "x");
      const twice = [flag, ...(takesValue ? [value] : [])];
      const { error } = await run([
        command,
        files.model,
        ...(command === "verify" ? [files.model] : []),
        ...twice,
        ...twice,
      ]);
      expect(error).toMatchObject({
        exitCode: 2,
        message: expect.stringContaining(`${flag} is given more than once`) as string,
      });
    },
  );

  it("form a list where the help says so", () => {
    expect(all.filter(({ list }) => list).map(({ command, flag }) => `${command} ${flag}`)).toEqual([
      "compress --exclude",
      "compress --report",
      "optimize --report",
      "verify --report",
      "inspect --shape",
      "inspect --dim",
      "sensitivity --exclude",
      "demo --report",
    ]);
  });

  it("are refused together with their opposites", async () => {
    expect((await run(optimize("--external-data", "--no-external-data"))).error).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(
        "--external-data and --no-external-data contradict each other",
      ) as string,
    });
  });
});
