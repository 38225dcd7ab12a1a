/** Every model at every operator set from 6 on: whether --int8 works, and how near its answers are. */
import { rmSync } from "node:fs";
import { DataType } from "../build/ir/index.js";
import { compress, openDataset, readModel, writeModel } from "../build/index.js";
import { verifyModels } from "../build/verify/index.js";
import { writeAtOpset } from "./at-opset.mjs";
import { fixture, OCR, OUT } from "./fixtures.mjs";
import { printTable } from "./table.mjs";

const OLDEST = 6;
const NEWEST = 26;
const PASSES =
  "optimize,upgrade-opset,quantize-int8,remove-dead,store-int8,remove-dead,deduplicate-initializers,encode-weights";
const CALIBRATION = 48;
const EVALUATION = 100;

export default async function opsets() {
  const rows = [];
  for (const [name, path, calib, evaluation] of await models()) {
    const found = [];
    for (let opset = OLDEST; opset <= NEWEST; opset++)
      found.push(await attempt(name, path, calib, evaluation, opset));
    const values = found.map(({ sqnr }) => sqnr).filter((sqnr) => sqnr !== undefined);
    const failures = found.filter(({ failure }) => failure !== undefined);
    rows.push([
      name,
      found.length - failures.length - found.filter(({ missing }) => missing).length,
      missingText(found),
      `${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)} dB`,
      failures.length === 0
        ? "none"
        : failures.map(({ opset, failure }) => `${opset}: ${failure.slice(0, 120)}`).join("; "),
    ]);
  }
  printTable(
    `int8 at operator sets ${OLDEST} to ${NEWEST} (asked: all, within 0.5 dB)`,
    ["model", "compressed", "not expressible", "SQNR", "failures"],
    rows,
  );
}

function missingText(found) {
  const missing = found.filter((entry) => entry.missing);
  return missing.length === 0
    ? "-"
    : `${missing.map(({ opset }) => opset).join(", ")} (${missing[0].missing})`;
}

async function attempt(name, path, calib, evaluation, opset) {
  const [written, output] = [`${OUT}/${name}.opset${opset}.onnx`, `${OUT}/${name}.opset${opset}.int8.onnx`];
  try {
    const model = readModel(path);
    const missing = await writeAtOpset(model, opset);
    if (missing) return { opset, missing };
    writeModel(model, written);
    await compress(written, {
      passes: PASSES,
      calib,
      output,
      force: true,
      verify: false,
      packedSizes: false,
    });
    // Against the model as it came, so that a mistake in the conversion shows as well.
    const { fidelity } = await verifyModels({
      original: path,
      compressed: output,
      fidelityData: evaluation,
      runs: 0,
      sessionConfig: { "session.x64quantprecision": "1" },
    });
    return {
      opset,
      sqnr: Math.min(...Object.values(fidelity.outputs).map(({ sqnrDb }) => sqnrDb ?? Infinity)),
    };
  } catch (error) {
    return { opset, failure: error.message };
  } finally {
    for (const file of [written, output]) rmSync(file, { force: true });
  }
}

async function models() {
  const found = [];
  for (const name of ["lenet", "mbv2", "resnet", "vit", "rnn"]) {
    const f = fixture(name);
    const { inputs } = readModel(f.model).graph;
    found.push([
      name,
      f.model,
      first(await openDataset(f.calib, inputs), CALIBRATION),
      first(await openDataset(f.eval, inputs), EVALUATION),
    ]);
  }
  const shapes = {
    ch_PP_det: ["ch_PP-OCRv4_det_infer", 160, 160],
    ch_PP_rec: ["ch_PP-OCRv4_rec_infer", 48, 192],
    ch_cls: ["ch_ppocr_mobile_v2.0_cls_infer", 48, 192],
  };
  for (const [name, [file, height, width]] of Object.entries(shapes))
    found.push([name, OCR(file), pages(height, width, 8, 1), pages(height, width, 8, 2)]);
  return found;
}

/** The first samples of a dataset. */
function first(dataset, count) {
  return {
    ...dataset,
    name: dataset.name,
    size: count,
    hasLabels: false,
    async *samples() {
      let left = count;
      for await (const sample of dataset.samples()) {
        yield { feed: sample.feed };
        if (--left === 0) return;
      }
    },
  };
}

/** Light pages with dark strokes, seeded; text as far as the models' first layers can tell. */
function pages(height, width, count, seed) {
  return {
    name: "strokes",
    size: count,
    hasLabels: false,
    async *samples() {
      let state = seed;
      const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
      for (let n = 0; n < count; n++) {
        const strokes = Array.from({ length: 30 }, () => [
          random() * width,
          random() * height,
          1 + random() * 3,
          3 + random() * 10,
        ]);
        const data = new Float32Array(3 * height * width);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const dark = strokes.some(([sx, sy, w, h]) => Math.abs(x - sx) < w && Math.abs(y - sy) < h);
            for (let c = 0; c < 3; c++)
              data[(c * height + y) * width + x] = (dark ? -1.5 : 1.5) + 0.1 * (random() - 0.5);
          }
        }
        yield { feed: { x: { dataType: DataType.FLOAT, dims: [1, 3, height, width], data } } };
      }
    },
  };
}
