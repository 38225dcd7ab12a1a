import { describe, expect, it } from "vitest";
import { calibrate } from "../../src/calibration/index.js";
import { encodeModelBytes, writeModel } from "../../src/onnx/index.js";
import { bench } from "../../src/compare/bench.js";
import { compress } from "../../src/compress/compress.js";
import { optimize } from "../../src/compress/optimize.js";
import { withLimits } from "../../src/run-limits.js";
import { dataset } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { amplifiers } from "../fuzz/amplifying-models.js";
import { DataType, type Model } from "../../src/ir/index.js";
import { thoroughly } from "../support/thorough.js";

const temporary = temporaryFolder();

function amplifier(name: string, scale = 40): Model {
  const found = amplifiers(scale).find((each) => each.name === name);
  if (!found) throw new Error(`there is no amplifier "${name}"`);
  return found.model;
}

describe("limits", () => {
  it("end the folding of what takes long, keep its nodes and say so", async () => {
    const model = amplifier("heavy convolution");
    const { model: result, report } = await optimize(model, { verify: false, foldLimit: { seconds: 0.5 } });
    expect(result.graph.nodes.map(({ opType }) => opType)).toContain("Conv");
    const told = report.warnings.find(({ id }) => id === "fold-constants/limit");
    expect(told?.message).toMatch(/computing them takes more than 0.5\d* s: their nodes stay.*"foldLimit"/);
  });

  it("end the folding of what takes much memory", async () => {
    const { report } = await optimize(amplifier("heavy convolution"), {
      verify: false,
      foldLimit: { bytes: 1000 },
    });
    expect(report.warnings.find(({ id }) => id === "fold-constants/limit")?.message).toMatch(
      /more than 0.0\d+ MB of memory|more than 0.\d+ MB of memory/,
    );
  });

  it("refuse what takes much memory to load, with the limit in the message", async () => {
    const loading = compress(encodeModelBytes(amplifier("concat on constants")), {
      loadLimit: { bytes: 3e8 },
    });
    await expect(loading).rejects.toMatchObject({
      code: "MODEL_REJECTED",
      exitCode: 3,
      message: expect.stringMatching(
        /onnxruntime takes more than 300 MB of memory to load it.*"loadLimit".*verify: false/s,
      ) as string,
    });
  });

  it("refuse what takes long to load", async () => {
    const loading = compress(encodeModelBytes(amplifier("functions on the input")), {
      loadLimit: { seconds: 0.5 },
    });
    await expect(loading).rejects.toThrow(/onnxruntime takes more than 0.5\d* s to load it/);
  });

  it("refuse what takes long to load where models are only timed", async () => {
    const path = writeModel(amplifier("functions on the input"), `${temporary.path}/functions.onnx`).path;
    await expect(bench([path], { loadLimit: { seconds: 0.5 } })).rejects.toMatchObject({
      code: "MODEL_REJECTED",
      message: expect.stringMatching(
        /functions\.onnx: onnxruntime takes more than 0.5\d* s to load it.*"loadLimit"/,
      ) as string,
    });
  });

  thoroughly("refuse what takes much memory on random inputs where models are only timed", async () => {
    const path = writeModel(amplifier("concat on the input"), `${temporary.path}/concat.onnx`).path;
    await expect(bench([path], { loadLimit: { bytes: 3e8 } })).rejects.toThrow(
      /a run takes more than 300 MB of memory/,
    );
  });

  it("refuse what takes long to load for calibration, of the first sample and of all", async () => {
    const model = amplifier("functions on the input");
    const [{ name }] = model.graph.inputs as [{ name: string }];
    const [{ name: output }] = model.graph.outputs as [{ name: string }];
    const samples = dataset([{ [name]: { dataType: DataType.FLOAT, dims: [1], data: Float32Array.of(1) } }]);
    const requests = [{ tensor: output, kind: "range" as const }];
    for (const inOneRound of [false, true]) {
      const measuring = withLimits({ loadLimit: { seconds: 0.5 } }, () =>
        calibrate({ model, dataset: samples, requests, inOneRound }),
      );
      await expect(measuring).rejects.toMatchObject({
        code: "MODEL_REJECTED",
        message: expect.stringMatching(/takes more than 0.5\d* s to load it/) as string,
      });
    }
  });

  it("leave the models uncompared that take much memory on random inputs, and write the result", async () => {
    const { report } = await compress(encodeModelBytes(amplifier("concat on the input")), {
      loadLimit: { bytes: 3e8 },
    });
    expect(report.fidelity).toBeNull();
    expect(report.warnings.find(({ id }) => id === "compress/no-data")?.message).toMatch(
      /takes more than 300 MB of memory on random inputs/,
    );
  });

  it("keep calls of functions that multiply", async () => {
    const { model } = await optimize(amplifier("functions on the input"), { verify: false });
    expect(model.graph.nodes.map(({ opType }) => opType)).toContain("f30");
  });

  it("must be greater than 0", async () => {
    await expect(
      optimize(amplifier("functions on the input"), { foldLimit: { seconds: 0 } }),
    ).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});
