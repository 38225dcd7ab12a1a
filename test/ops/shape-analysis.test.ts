/** Inferred sizes against what onnxruntime really makes. */
import { expect, it } from "vitest";
import type { Dimension } from "../../src/ir/index.js";
import { decodeModel, decodeTensor } from "../../src/onnx/index.js";
import { analyzeModel } from "../../src/ops/shape-analysis.js";
import { operatorTests } from "../conformance/archive.js";

function contradicts(shape: readonly Dimension[], dims: readonly number[]): boolean {
  return shape.length !== dims.length || shape.some((dim, k) => typeof dim === "number" && dim !== dims[k]);
}

it("contradicts no output of the official operator tests, without their declarations", () => {
  const wrong: string[] = [];
  let exact = 0;
  for (const test of operatorTests()) {
    const model = decodeModel(test.model);
    model.graph.valueInfo = [];
    const facts = analyzeModel(model);
    model.graph.outputs.forEach(({ name, type }, k) => {
      const bytes = test.dataSets[0]?.outputs[k];
      const found = facts.type(name);
      if (!type?.tensor || !bytes || !found?.shape) return;
      const { dims, dataType } = decodeTensor(bytes);
      if (contradicts(found.shape, dims) || found.elementType !== dataType) wrong.push(`${test.name}: ${found.elementType} ${JSON.stringify(found.shape)} for ${dataType} [${dims.join()}]`);
      else if (found.shape.every((dim) => typeof dim === "number")) exact++;
    });
  }
  expect(wrong).toEqual([]);
  expect(exact).toBeGreaterThan(1000);
});
