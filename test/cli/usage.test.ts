import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFileSync } from "node:fs";
import { edgecHere } from "./in-process.js";
import { edgec, fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const LENET = fixture("models/lenet.onnx");
const packageVersion = (): string =>
  (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string })
    .version;

const temporary = temporaryFolder();

/** A failure is one message on stderr, without a stack, and nothing on stdout. */
async function expectFailure(
  args: readonly string[],
  code: number,
  message: string | RegExp,
  run: typeof edgec = edgecHere,
): Promise<void> {
  const outcome = await run(args, { cwd: temporary.path });
  expect(outcome.stderr).toMatch(message);
  expect(outcome.code).toBe(code);
  expect(outcome.stdout).toBe("");
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
}

describe("help", () => {
  it("lists the commands and the exit codes", async () => {
    const { code, stdout } = await edgec(["--help"]);
    expect(code).toBe(0);
    for (const command of ["compress", "verify", "inspect", "bench", "passes", "targets", "demo"])
      expect(stdout).toContain(`  ${command} `);
    expect(stdout).toContain("Exit codes: 0 done");
  });

  it("exists for each command, and exits 0", async () => {
    const { code, stdout } = await edgecHere(["help", "optimize"]);
    expect([code, stdout.includes("Usage: edgec optimize")]).toEqual([0, true]);
    expect((await edgecHere(["help"])).stdout).toContain("Exit codes: 0 done");
  });

  it("derives the flags of compress from the passes", async () => {
    const { stdout } = await edgecHere(["compress", "--help"]);
    for (const flag of ["--prune", "--int8", "--cluster", "--storage"]) expect(stdout).toContain(`  ${flag}`);
  });

  it("prints the package's version", async () => {
    expect((await edgec(["--version"])).stdout.trim()).toBe(packageVersion());
  });
});

describe("edgec targets", () => {
  it("lists the devices for --target, and which of them this machine is", async () => {
    const { targets, native } = JSON.parse((await edgecHere(["targets", "--json"])).stdout) as {
      targets: { name: string }[];
      native: { profile: string };
    };
    expect(targets.map(({ name }) => name)).toEqual([
      "generic",
      "x64-vnni",
      "x64-avx2",
      "arm64-dotprod",
      "arm64",
      "wasm",
    ]);
    expect((await edgecHere(["targets"])).stdout).toContain(`native: ${native.profile} (`);
  });
});

describe("wrong usage", () => {
  it("exits 2 and suggests a target", () =>
    expectFailure(
      ["compress", LENET, "--target", "x64-vni"],
      2,
      'there is no target "x64-vni". Did you mean "x64-vnni"?',
      edgec,
    ));
  it("exits 2 and suggests an option", () =>
    expectFailure(
      ["compress", LENET, "--itn8"],
      2,
      /unknown option '--itn8'\n\(Did you mean --int8\?\)/,
      edgec,
    ));
  it("exits 2 and suggests a command", () =>
    expectFailure(["compres", LENET], 2, /unknown command 'compres'\n\(Did you mean compress\?\)/, edgec));
  it('exits 2 and suggests a command for "help"', () =>
    expectFailure(["help", "compres"], 2, /there is no command "compres"\. Did you mean "compress"\?/));
  it("exits 2 for help on an unknown command", () =>
    expectFailure(["help", "nothing"], 2, /there is no command "nothing"\. The commands are compress, /));
  it("exits 2 for data without a name", async () => {
    await expectFailure(["compress", LENET, "--int8", "--calib", ""], 2, "--calib is empty: give .npz");
    await expectFailure(["bench", LENET, "--data", " "], 2, "--data is empty");
  });
  it("exits 2 for an onnxruntime version that does not exist", () =>
    expectFailure(["optimize", LENET, "--min-ort", "99.1"], 2, "the newest onnxruntime tested is 1.32"));
  it("exits 2 without a model", () => expectFailure(["compress"], 2, "missing required argument 'model'"));
  it("exits 2 and suggests a pass", () =>
    expectFailure(
      ["compress", LENET, "--passes", "remove-deed"],
      2,
      'there is no pass "remove-deed". Did you mean "remove-dead"?',
    ));
  it("exits 2 for a ratio out of range", () =>
    expectFailure(["compress", LENET, "--prune", "1.5"], 2, /1\.5/));
  it("exits 2 for a value that is not a number", () =>
    expectFailure(["compress", LENET, "--threads", "many"], 2, "Give a whole number from 1 to 256."));
  it("exits 2 for more threads than can be started", () =>
    expectFailure(["bench", LENET, "--threads", "999999"], 2, "Give a whole number from 1 to 256."));
  it("exits 2 for a gate below zero", () =>
    expectFailure(["verify", LENET, LENET, "--max-drop", "-1"], 2, "Give a number, 0 or more."));
  it("exits 2 for an exclusion that has no effect", () =>
    expectFailure(["compress", LENET, "--exclude", "Conv"], 2, "--exclude has no effect here"));
  it("exits 2 and suggests a node", () =>
    expectFailure(
      ["compress", LENET, "--exclude", "conv1.weigth"],
      2,
      /--exclude: "conv1\.weigth" does not match any node.*Did you mean "conv1\.weight"/,
    ));
  it("exits 2 for an option that has no effect", () =>
    expectFailure(["compress", LENET, "--calibrator", "mse"], 2, "--calibrator has no effect here"));
  it("exits 2 for labels without data", () =>
    expectFailure(["compress", LENET, "--labels", "l.npy"], 2, "--labels needs data"));
  it("exits 2 for an unknown calibrator", () =>
    expectFailure(["compress", LENET, "--int8", "--calibrator", "msee"], 2, 'Did you mean "mse"?'));
});

describe("files", () => {
  it("exits 2 for a missing model", () => expectFailure(["compress", "missing.onnx"], 2, "missing.onnx"));
  it("exits 3 for a file that is not a model", async () => {
    await writeFile(join(temporary.path, "text.onnx"), "hello, world");
    await expectFailure(["compress", "text.onnx"], 3, "text.onnx", edgec);
  });
  it("exits 3 for a cut-off model", async () => {
    await writeFile(join(temporary.path, "cut.onnx"), readFileSync(LENET).subarray(0, 100_000));
    await expectFailure(["compress", "cut.onnx"], 3, "cut.onnx");
  });
  it("exits 2 before any work when the output's folder is missing", () =>
    expectFailure(["compress", LENET, "-o", "no/such/out.onnx"], 2, "does not exist"));
  it("exits 2 before any work when the report's folder is missing", () =>
    expectFailure(["compress", LENET, "-o", "out.onnx", "--report", "no/report.json"], 2, "does not exist"));
  it("exits 2 before any work for a report whose path is a folder or empty", async () => {
    await expectFailure(
      ["optimize", LENET, "-o", "out.onnx", "--report", "."],
      2,
      'cannot write the report ".": it is a folder',
    );
    await expectFailure(
      ["optimize", LENET, "-o", "out.onnx", "--report", ""],
      2,
      'cannot write the report "": the name is empty',
    );
    expect(await readdir(temporary.path)).toEqual([]);
  });
  it("exits 3 for missing data files", async () => {
    await edgecHere(["compress", LENET, "-o", "out.onnx", "--external-data", "--no-verify"], {
      cwd: temporary.path,
    });
    await rm(join(temporary.path, "out.onnx.data"));
    await expectFailure(
      ["verify", LENET, "out.onnx"],
      3,
      'out.onnx keeps weights in the data file "out.onnx.data", which is missing',
    );
    for (const [command = "", ...rest] of [["compress", "--int8", "--no-verify"], ["inspect"]]) {
      const { code, stderr } = await edgecHere([command, "out.onnx", ...rest], { cwd: temporary.path });
      expect([command, code]).toEqual([command, 3]);
      expect(stderr).toMatch(
        / of out\.onnx keeps its values in the data file "out\.onnx\.data", which is missing/,
      );
    }
  });
  it("does not write the report over a model that it reads or writes", async () => {
    const model = join(temporary.path, "model.onnx");
    await writeFile(model, readFileSync(LENET));
    await expectFailure(
      ["compress", model, "-o", "out.onnx", "--report", "model.onnx"],
      2,
      "model.onnx has that name",
    );
    await expectFailure(
      ["compress", model, "-o", "out.onnx", "--report", "./out.onnx"],
      2,
      "out.onnx has that name",
    );
    await expectFailure(["verify", LENET, model, "--report", model], 2, "model.onnx has that name");
    expect(readFileSync(model).equals(readFileSync(LENET))).toBe(true);
    expect(await readdir(temporary.path)).toEqual(["model.onnx"]);
  });
  it("does not overwrite its input", () => expectFailure(["compress", LENET, "-o", LENET], 2, "--force"));
  it("exits 2 for data of another model", async () => {
    await expectFailure(
      ["compress", LENET, "-o", "out.onnx", "--int8", "--calib", fixture("digits/digits-gray28-calib.npz")],
      2,
      "digits-gray28-calib.npz",
    );
    expect(await readdir(temporary.path)).toEqual([]);
  });
});

describe("inspect and passes", () => {
  it("describes a model as JSON", async () => {
    const { code, stdout } = await edgecHere(["inspect", LENET, "--json"]);
    expect(code).toBe(0);
    const { inputs, parameters } = JSON.parse(stdout) as { inputs: unknown; parameters: number };
    expect(inputs).toHaveLength(1);
    // 5·5·3·6 + 6, 5·5·6·16 + 16, 400·120 + 120, 120·84 + 84, 84·10 + 10
    expect(parameters).toBe(62_006);
  });

  it("lists every pass with its defaults", async () => {
    const passes = JSON.parse((await edgecHere(["passes", "--json"])).stdout) as {
      name: string;
      flag: string | null;
    }[];
    expect(passes.find((pass) => pass.name === "quantize-int8")?.flag).toBe("--int8");
  });
});
