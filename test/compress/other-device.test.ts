/** Compressing for a device that is not this machine, through the public API. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { floatTensor, makeNode } from "../../src/ir/index.js";
import { compress } from "../../src/compress/compress.js";
import type { CompressOptions } from "../../src/plan/compress-options.js";
import { GENERIC, type TargetProfile } from "../../src/targets/index.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { normalArray } from "../support/seeded.js";
import { CHANNELS, twoParts } from "../support/two-parts.js";

const folder = temporaryFolder();
const calib = dataset(
  Array.from({ length: 4 }, (_, k) => feed([1, CHANNELS, 8, 8], normalArray(CHANNELS * 64, k + 1))),
);
const camera = (costs: Partial<TargetProfile["costs"]>): TargetProfile => ({
  ...GENERIC,
  name: "camera",
  costs: { ...GENERIC.costs, ...costs },
});
const OPTIONS: CompressOptions = {
  int8: true,
  effort: "fast",
  calib,
  verify: false,
  target: camera({ depthwiseConv: 2 }),
};

describe("compress for a device with depthwise convolutions that are slow in int8", () => {
  it("leaves these in float, says why, and repeats it", async () => {
    const first = await compress(twoParts(8, "n"), OPTIONS);
    const { report } = first;
    expect(new Set(report.decisions?.floatNodes)).toEqual(new Set(["slow1", "slow2"]));
    expect(report.search?.prediction).toMatchObject({
      target: "camera",
      floatNodes: report.decisions?.floatNodes,
    });
    expect(report.search!.prediction!.chosen).toBeLessThan(report.search!.prediction!.int8);
    const reasons = report.nodes
      .filter(({ pass }) => pass === "quantize-int8")
      .map(({ name, status, reason }) => [name, status, reason.replace(/\d\.\d\d/, "N")]);
    const why = "int8 does not pay off on camera: predicted N of float's time";
    expect(reasons).toEqual(
      [
        ["dense1", "changed", "static int8, mse calibration"],
        ["dense2", "changed", "static int8, mse calibration"],
        ["slow1", "kept", why],
        ["slow2", "kept", why],
      ].map(([name, status, reason]) => [name, status, expect.stringContaining(reason!) as string]),
    );
    const path = join(folder.path, "report.json");
    writeFileSync(path, JSON.stringify(report));
    const again = await compress(twoParts(8, "n"), { ...OPTIONS, replay: path });
    expect(Buffer.from(again.bytes()).equals(Buffer.from(first.bytes()))).toBe(true);
  });

  it("stores all as int8 where nothing pays, with a warning", async () => {
    const { report } = await compress(twoParts(8), {
      ...OPTIONS,
      target: camera({ conv: 1, depthwiseConv: 1 }),
    });
    expect(report.warnings.map(({ id }) => id)).toContain("compress/int8-unpaid");
    expect(
      report.nodes
        .filter(({ pass, status }) => pass === "store-int8" && status === "changed")
        .map(({ name }) => name),
    ).toContain("w_dense1");
  });
});

it.each([
  [1.1, ["dense"]],
  [0.5, []],
])(
  "without data, layers whose ranges are taken at run time go by the table alone: %d",
  async (dynamicMatMul, left) => {
    const network = model(
      [2, 64],
      [makeNode("MatMul", ["x", "w"], ["y"], [], "dense")],
      [floatTensor("w", [64, 64], normalArray(4096, 1))],
    );
    const { report } = await compress(network, {
      int8: true,
      verify: false,
      target: camera({ dynamicMatMul, lstm: 0.5 }),
    });
    expect(report.decisions?.floatNodes).toEqual(left);
    const { status, reason } = report.nodes.find(
      ({ pass, name }) => pass === "quantize-int8" && name === "dense",
    )!;
    expect([status, reason.includes("does not pay off on camera")]).toEqual(
      left.length > 0 ? ["kept", true] : ["changed", false],
    );
  },
);
