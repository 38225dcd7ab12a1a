/** Repeating the decisions of a report, through the public API. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { attribute, floatTensor, makeNode } from "../../src/ir/index.js";
import { compress } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { normalArray } from "../support/seeded.js";
import { thoroughly } from "../support/thorough.js";

const folder = temporaryFolder();
const random = (name: string, dims: readonly number[], seed: number) =>
  floatTensor(
    name,
    dims,
    normalArray(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ).map((w) => w / 4),
  );
const network = () =>
  model(
    ["n", 3, 8, 8],
    [
      makeNode("Conv", ["x", "w1", "b1"], ["a"], [], "first"),
      makeNode("Relu", ["a"], ["r"], [], "relu"),
      makeNode("Conv", ["r", "w2"], ["c"], [], "second"),
      makeNode("GlobalAveragePool", ["c"], ["y"], [], "pool"),
    ],
    [random("w1", [16, 3, 3, 3], 1), random("b1", [16], 2), random("w2", [16, 16, 3, 3], 3)],
  );
const calib = dataset(
  Array.from({ length: 16 }, (_, k) =>
    feed(
      [1, 3, 8, 8],
      normalArray(192, 10 + k).map((v) => v + 0.5),
    ),
  ),
);

it("gives the same bytes, and a report that can be repeated in turn", async () => {
  const options: CompressOptions = { int8: true, effort: "best", calib, verify: false };
  const first = await compress(network(), options);
  expect(first.report.decisions?.kept.length).toBeGreaterThan(0);
  expect(first.report.decisions?.takenBack.length).toBeGreaterThan(0);
  let { report } = first;
  for (const round of [1, 2]) {
    const path = join(folder.path, `${round}.json`);
    writeFileSync(path, JSON.stringify(report));
    const again = await compress(network(), { ...options, replay: path });
    expect(Buffer.from(again.bytes()).equals(Buffer.from(first.bytes()))).toBe(true);
    expect(again.report.decisions).toEqual(first.report.decisions);
    expect(again.report.passes.some(({ trial }) => trial)).toBe(false);
    ({ report } = again);
  }
});

it("refuses what was decided for another model, and takes reports that do not say for which", async () => {
  const options: CompressOptions = { int8: true, effort: "fast", calib, verify: false };
  const { report } = await compress(network(), options);
  const other = network();
  other.graph.initializers[0] = random("w1", [16, 3, 3, 3], 4);
  const written = (content: unknown): string => {
    const path = join(folder.path, "other.json");
    writeFileSync(path, JSON.stringify(content));
    return path;
  };
  await expect(compress(other, { ...options, replay: written(report) })).rejects.toMatchObject({
    code: "BAD_OPTION",
    message: expect.stringContaining("decisions were made for another model") as string,
  });
  const { model: fingerprint, ...decisions } = report.decisions!;
  const again = await compress(other, { ...options, replay: written({ ...report, decisions }) });
  expect(again.report.decisions).toEqual({
    ...decisions,
    model: expect.stringMatching(/^sha256:/) as string,
  });
  expect(again.report.decisions?.model).not.toBe(fingerprint);
});

it("refuses decisions on nodes that the model does not have", async () => {
  const options: CompressOptions = { int8: true, effort: "fast", calib, verify: false };
  const { report } = await compress(network(), options);
  const path = join(folder.path, "unknown.json");
  for (const forms of [{ floatNodes: ["nope"] }, { dynamicNodes: ["nope"] }]) {
    writeFileSync(path, JSON.stringify({ ...report, decisions: { ...report.decisions, ...forms } }));
    await expect(compress(network(), { ...options, replay: path })).rejects.toMatchObject({
      code: "BAD_OPTION",
      message: expect.stringContaining('how to compute "nope"') as string,
    });
  }
});

it("holds out of calibration what the run did, for another device and on it", async () => {
  const options: CompressOptions = { int8: true, effort: "fast", calib, verify: false };
  const { report } = await compress(network(), options);
  // As predicted for a device elsewhere: nothing was judged by samples.
  const elsewhere = { ...report, decisions: { ...report.decisions, floatNodes: ["first"] } };
  const path = join(folder.path, "elsewhere.json");
  for (const judged of [false, true]) {
    writeFileSync(path, JSON.stringify({ ...elsewhere, decisions: { ...elsewhere.decisions, judged } }));
    const again = await compress(network(), { ...options, replay: path });
    expect(again.report.decisions).toEqual({ ...elsewhere.decisions, judged });
  }
  expect(report.decisions?.judged).toBe(false);
});

it("refuses what is no decision", async () => {
  const path = join(folder.path, "broken.json");
  const { report } = await compress(network(), { int8: true, effort: "fast", calib, verify: false });
  for (const decisions of [
    undefined,
    null,
    "kept",
    { ...report.decisions, kept: [1] },
    { ...report.decisions, storedOnly: "no" },
    { ...report.decisions, judged: "yes" },
  ]) {
    writeFileSync(path, JSON.stringify({ ...report, decisions }));
    await expect(
      compress(network(), { int8: true, calib, verify: false, replay: path }),
    ).rejects.toMatchObject({
      code: "BAD_OPTION",
      message: expect.stringContaining("contains no decisions") as string,
    });
    await expect(
      compress(network(), { int8: true, calib, verify: false, replay: `${path}.none` }),
    ).rejects.toMatchObject({
      code: "CANNOT_READ",
      message: `"replay" ${path}.none: the file does not exist. Give the report of an earlier run.`,
    });
  }
});

thoroughly("gives the same bytes where nodes stayed float, behind a pooling too", async () => {
  const pooled = () =>
    model(
      ["n", 3, 16, 16],
      [
        makeNode("Conv", ["x", "w1", "b1"], ["a"], [], "first"),
        makeNode("Relu", ["a"], ["r"], [], "relu"),
        makeNode(
          "MaxPool",
          ["r"],
          ["p"],
          [attribute.ints("kernel_shape", [2, 2]), attribute.ints("strides", [2, 2])],
          "halve",
        ),
        makeNode("Conv", ["p", "w2"], ["c"], [], "second"),
        makeNode("Conv", ["c", "w3"], ["d"], [], "third"),
        makeNode("GlobalAveragePool", ["d"], ["y"], [], "pool"),
      ],
      [
        random("w1", [16, 3, 3, 3], 1),
        random("b1", [16], 2),
        random("w2", [16, 16, 3, 3], 3),
        random("w3", [16, 16, 3, 3], 4),
      ],
    );
  const images = dataset(
    Array.from({ length: 16 }, (_, k) =>
      feed(
        [1, 3, 16, 16],
        normalArray(768, 10 + k).map((v) => v + 0.5),
      ),
    ),
  );
  // More than int8 gives and less than float does.
  const options: CompressOptions = {
    int8: true,
    effort: "balanced",
    calib: images,
    verify: false,
    minSqnr: 52,
  };
  const first = await compress(pooled(), options);
  expect(first.report.decisions?.floatNodes.length).toBeGreaterThan(0);
  expect(first.report.decisions?.floatNodes.length).toBeLessThan(3);
  const path = join(folder.path, "float.json");
  writeFileSync(path, JSON.stringify(first.report));
  const again = await compress(pooled(), { ...options, replay: path });
  expect(Buffer.from(again.bytes()).equals(Buffer.from(first.bytes()))).toBe(true);
});

thoroughly("gives the same bytes where a budget left weights in float", async () => {
  // No weights of int8 keep the outputs as near as this.
  const options: CompressOptions = { int8: true, effort: "balanced", calib, minSqnr: 90, packedSizes: false };
  const first = await compress(network(), options);
  expect([first.report.verdict.ok, first.report.decisions?.plainFloat]).toEqual([true, true]);
  const path = join(folder.path, "plain.json");
  writeFileSync(path, JSON.stringify(first.report));
  const again = await compress(network(), { ...options, replay: path });
  expect(again.report.decisions).toEqual(first.report.decisions);
  expect(Buffer.from(again.bytes()).equals(Buffer.from(first.bytes()))).toBe(true);
});
