/** Operator sets at the edges of what onnxruntime runs, through the public API. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { attribute, floatTensor, makeNode, opsetVersion, type Model } from "../../src/ir/index.js";
import { encodeModelBytes, readModel, writeModel } from "../../src/onnx/index.js";
import { compress } from "../../src/pipeline/compress.js";
import { optimize } from "../../src/pipeline/optimize.js";
import { OutputFile } from "../../src/pipeline/output-file.js";
import { referenceOf } from "../../src/pipeline/reference.js";
import { verify } from "../../src/pipeline/verify.js";
import { temporaryFolder } from "../cli/temporary-folder.js";
import { modelAt } from "../ops/old-models.js";
import { difference, floats, run, seededFloats } from "../passes/graph/running.js";

const { int } = attribute;
const X = { x: floats([1, 3, 4, 4]) };
const BIAS = floatTensor("b", [4], Float32Array.of(0.5, -1, 2, 0));
const WEIGHTS = floatTensor("w", [4, 3, 1, 1], seededFloats(12));
const RAISED = "onnxruntime does not run operator set 6: compared with the same model raised to 13.";

const temporary = temporaryFolder();

/** y = conv(x, w) + b, with b along the channels; as at version 6, where the axis is named, or as numpy has it. */
function biased(opset: number): Model {
  const [bias, placed] = opset < 7 ? [BIAS, [int("axis", 1), int("broadcast", 1)]] : [{ ...BIAS, dims: [4, 1, 1] }, []];
  const model = modelAt(opset, [makeNode("Conv", ["x", "w"], ["c"]), makeNode("Add", ["c", "b"], ["y"], placed)], X, ["y"], [WEIGHTS, bias]);
  model.graph.outputs = [{ name: "y", type: { tensor: { elementType: 1, shape: [1, 4, 4, 4] } } }];
  return model;
}

describe("a model that onnxruntime does not run as it is", () => {
  it("is raised, compared with what it was raised to, and the report says so", async () => {
    const original = biased(6);
    await expect(run(original, X)).rejects.toThrow("Could not find an implementation for Add(6)");
    const { model, report } = await compress(original, { int8: true, packedSizes: false });
    expect(report.warnings.map(({ message }) => message)).toContain(RAISED);
    expect(report.fidelity?.outputs.y?.sqnrDb ?? Infinity).toBeGreaterThan(30);
    expect(report.size.original.raw).toBe(encodeModelBytes(original).byteLength);
    expect(opsetVersion(model)).toBe(13);
  });

  it("is optimized without any difference but rounding", async () => {
    const { model, report } = await optimize(biased(6));
    expect(report.passes.filter(({ modified }) => modified).length).toBeGreaterThan(0);
    expect(difference(await run(biased(7), X), await run(model, X))).toBeLessThan(1e-6);
  });

  it("is verified against other forms of it", async () => {
    const [old, other] = [join(temporary.path, "old.onnx"), join(temporary.path, "other.onnx")];
    writeModel(biased(6), old);
    const wrong = biased(13);
    writeModel(wrong, other);
    const report = await verify(old, other);
    expect(report.warnings.map(({ message }) => message)).toContain(RAISED);
    expect(report.fidelity?.outputs.y?.maxAbsError).toBe(0);
    wrong.graph.initializers[1] = { ...BIAS, dims: [4, 1, 1], raw: new Uint8Array(16) };
    writeModel(wrong, other);
    expect((await verify(old, other)).fidelity?.outputs.y?.maxAbsError).toBeCloseTo(2, 5);
  });

  it("is refused with the reason when it cannot be raised either", async () => {
    const model = modelAt(6, [makeNode("Add", ["x", "x"], ["a"]), makeNode("Dropout", ["a"], ["y"], [], "drop")], X);
    await expect(compress(model)).rejects.toThrow(/onnxruntime runs operator sets from 7 on, and this model of set 6 cannot be raised: node "drop" \(Dropout\): it is in training mode/);
  });
});

describe.each([7, 22, 26])("a model of operator set %i", (opset) => {
  it("is compressed and compared as it is", async () => {
    const path = join(temporary.path, "model.onnx");
    await writeFile(path, encodeModelBytes(biased(opset)));
    const { model, report } = await compress(path, { int8: true, storage: "plain", packedSizes: false });
    expect(report.warnings.map(({ id }) => id)).not.toContain("compress/raised-original");
    expect(report.fidelity?.samples).toBeGreaterThan(0);
    expect(opsetVersion(model)).toBe(Math.max(13, opset));
  });
});

describe("constants that nothing reads", () => {
  it("are left out of what onnxruntime loads where they are many, and of nothing else", async () => {
    const unread = Array.from({ length: 12_000 }, (_, k) => floatTensor(`unread${k}`, [1], Float32Array.of(k)));
    const model = biased(13);
    model.graph.initializers.push(...unread);
    const path = join(temporary.path, "unread.onnx");
    writeModel(model, path);
    const folder = await OutputFile.prepare({ output: undefined, input: path, force: false });
    try {
      const reference = await referenceOf(() => readModel(path), path, folder);
      expect(reference.path).not.toBe(path);
      const run = readModel(reference.path).graph.initializers.map(({ name }) => name);
      expect(run).toEqual(["w", "b"]);
      expect(reference.read().graph.initializers).toHaveLength(12_002);
    } finally {
      await folder.remove();
    }
    const { report } = await optimize(path);
    expect(report.fidelity?.outputs.y?.maxAbsError).toBeLessThan(1e-6);
  });
});
