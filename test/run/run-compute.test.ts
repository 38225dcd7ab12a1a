import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { computeThreads } from "../../src/plan/threads.js";

const module = new URL("../../build/run/run-compute.js", import.meta.url).href;

/** Rounds a few numbers to two values and says so, and whether the caller's array was handed over. */
const SCRIPT = `
  const { RunCompute } = await import(${JSON.stringify(module)});
  const compute = new RunCompute(2);
  const values = new Float32Array(8192).map((_, i) => i % 2);
  const clustered = await compute.run("clusterFlat", values, 2, undefined);
  console.log(JSON.stringify({ values: [...new Set(clustered)], left: values.length }));
  await compute.close();
`;

function run(...flags: string[]): unknown {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, "--input-type=module", "--eval", SCRIPT],
    { encoding: "utf8" },
  );
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** The permission model under its name in this version of Node. */
const PERMISSION =
  Number(process.versions.node.split(".")[0]) >= 24 ? "--permission" : "--experimental-permission";

describe("RunCompute", () => {
  it("works where Node's permission model forbids threads", () => {
    expect(run(PERMISSION, "--allow-fs-read=*")).toMatchObject({ values: [0, 1], left: 0 });
  });

  it("gives the same with threads", () => {
    expect(run()).toMatchObject({ values: [0, 1], left: 0 });
  });
});

describe("computeThreads", () => {
  it.each([
    [undefined, 1, 2],
    [1, 1, 1],
    [3, 3, 3],
    [64, 4, 4],
  ])("of %s is from %i to %i", (asked, least, most) => {
    expect(computeThreads(asked)).toBeGreaterThanOrEqual(least);
    expect(computeThreads(asked)).toBeLessThanOrEqual(most);
  });
});
