/**
 * A sample on which the original model fails is a fault of the data. It is named by its number in the file.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/data/index.js";
import { BadDataError } from "../../src/errors.js";
import { makeNode, type Model } from "../../src/ir/index.js";
import { writeModel } from "../../src/onnx/index.js";
import { originalFault } from "../../src/compare/original-fault.js";
import { dataset } from "../support/feed-models.js";
import { edgec } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { npyBytes, npzBytes } from "../support/npy-bytes.js";
import { Random } from "../support/random.js";
import { isThorough, sampled } from "../support/thorough.js";
import { failingModel, idsFeed, type FailingModel } from "../support/failing-samples.js";

const folder = temporaryFolder();

function samples(
  { rows }: FailingModel,
  random: Random,
  count: number,
  bad: (index: number) => boolean,
): Dataset {
  return dataset(Array.from({ length: count }, (_, k) => idsFeed(random, rows, bad(k))));
}

const write = (model: Model, name = "m.onnx"): string => writeModel(model, join(folder.path, name)).path;

describe("a random model that is run alone", () => {
  it(
    "is sound on sound data; else the first bad sample is named, or the model where all are bad",
    { timeout: 60_000 },
    async () => {
      for (let seed = 0; seed < (isThorough ? 6 : 3); seed++) {
        const random = new Random(seed);
        const failing = failingModel(random);
        const original = { path: write(failing.model), name: "mine.onnx" };
        const count = random.within(2, 6);
        const bad = random.below(count);
        const sound = samples(failing, random, count, () => false);
        const spoiled = samples(failing, random, count, (k) => k === bad);
        const fault = await originalFault(original, [sound, undefined, spoiled]);
        expect(fault, `seed ${seed}`).toBeInstanceOf(BadDataError);
        expect(fault?.message).toContain(
          `test data: sample ${bad}: the original model mine.onnx fails on this sample but runs on others: ` +
            'onnxruntime cannot run the model: node "lookup"',
        );
        if (seed > 0) continue;
        expect(await originalFault(original, [sound])).toBeUndefined();
        expect(await originalFault(original, [samples(failing, random, count, () => true)])).toMatchObject({
          code: "MODEL_REJECTED",
          message: expect.stringMatching(
            /^mine\.onnx: .*sample 0, and all other samples that were tried/,
          ) as string,
        });
      }
    },
  );

  it("is itself at fault if it does not load", async () => {
    const { model } = failingModel(new Random(1));
    model.graph.nodes.push(makeNode("NoSuchOperator", ["y"], ["z"]));
    expect(await originalFault({ path: write(model), name: "mine.onnx" }, [])).toMatchObject({
      code: "MODEL_REJECTED",
      message: expect.stringMatching(/^mine\.onnx: onnxruntime cannot load/) as string,
    });
  });
});

describe("the command line", () => {
  const COUNT = 24;
  const BAD = 17;

  function files(bad: (index: number) => boolean): { modelPath: string; data: string } {
    const random = new Random(5);
    const failing = failingModel(random);
    const ids = Array.from({ length: COUNT }, (_, k) =>
      Array.from(idsFeed(random, failing.rows, bad(k)).ids!.data as BigInt64Array),
    ).flat();
    const data = join(folder.path, "ids.npz");
    writeFileSync(data, npzBytes({ ids: npyBytes("<i8", [COUNT, 1, 3], BigInt64Array.from(ids)) }));
    return { modelPath: write(failing.model), data };
  }

  it(
    "names data file and sample, and no temporary file, with exit code 2",
    { timeout: 120_000 },
    async () => {
      const { modelPath, data } = files((k) => k === BAD);
      const output = join(folder.path, "o.onnx");
      const commands = [
        ["compress", modelPath, "-o", output, "--int8", "--effort", "fast", "--calib", data],
        ["compress", modelPath, "-o", output, "--prune", "0.5", "--calib", data],
        ["optimize", modelPath, "-o", output, "--eval", data],
        ["sensitivity", modelPath, "--calib", data],
        ["verify", modelPath, modelPath, "--eval", data],
      ];
      for (const args of sampled(commands, 3)) {
        const { code, stderr } = await edgec(args, { cwd: folder.path });
        expect(stderr).toContain(
          `${data}: sample ${BAD}: the original model ${modelPath} fails on this sample`,
        );
        expect(stderr.replaceAll(folder.path, "")).not.toContain(tmpdir());
        expect(code, args.join(" ")).toBe(2);
      }
    },
  );

  it(
    "says how to do without the runtime where the model does not run at all, which works",
    { timeout: 120_000 },
    async () => {
      const { model } = failingModel(new Random(1));
      model.graph.nodes.push({ ...makeNode("Frobnicate", ["y"], ["z"]), domain: "org.example" });
      model.graph.outputs[0]!.name = "z";
      model.opsetImports.push({ domain: "org.example", version: 1n });
      const { data } = files(() => false);
      const modelPath = write(model, "custom.onnx");
      const output = join(folder.path, "o.onnx");
      const refused = await edgec(["compress", modelPath, "-o", output, "--int8", "--calib", data]);
      expect([refused.code, refused.stderr]).toEqual([
        3,
        expect.stringContaining(
          "With --no-verify and without --calib, edgec compresses it without running it",
        ) as string,
      ]);
      expect((await edgec(["optimize", modelPath, "-o", output])).stderr).toContain(
        "With --no-verify, edgec compresses it without running it",
      );
      expect(await edgec(["compress", modelPath, "-o", output, "--int8", "--no-verify"])).toMatchObject({
        code: 0,
      });
    },
  );
});
