import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Report } from "../../src/report/report.js";
import { edgec, fixture } from "./run-edgec.js";
import { temporaryFolder } from "./temporary-folder.js";

const temporary = temporaryFolder();

it("leaves nothing behind unless told where, and names no folder of the package", async () => {
  const tmp = join(temporary.path, "tmp");
  const cwd = join(temporary.path, "cwd");
  for (const folder of [tmp, cwd]) mkdirSync(folder);
  const { code, stdout, stderr } = await edgec(["demo", "--report", "r.json"], {
    cwd,
    env: { TMPDIR: tmp, ORT_DISABLE_TELEMETRY: "1" },
  });
  expect([code, readdirSync(cwd)]).toEqual([0, ["r.json"]]);
  expect(readdirSync(tmp).filter((name) => name.startsWith("edgec"))).toEqual([]);
  expect(stdout).toContain("\nresnet.onnx → resnet.edgec.onnx\n");
  expect(stdout).toMatch(/\nThe model was removed again\. To keep it: edgec demo -o resnet\.edgec\.onnx\n$/);
  expect(stdout).not.toContain("written:");
  expect(stdout + stderr).not.toContain(fixture(""));
  expect(stdout + stderr).not.toContain(tmp);
  const text = readFileSync(join(cwd, "r.json"), "utf8");
  expect(text).not.toContain(fixture(""));
  expect(JSON.parse(text)).toMatchObject({
    input: "resnet.onnx",
    output: "resnet.edgec.onnx",
    written: [],
  } satisfies Partial<Report>);
}, 600_000);
