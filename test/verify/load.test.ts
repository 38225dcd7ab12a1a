/** Loads in processes of their own, and the memory that the model of decoding chains says they hold. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataType, floatTensor, GraphEditor, makeNode, tensorValue, type Model } from "../../src/ir/index.js";
import { encodeModelBytes } from "../../src/onnx/index.js";
import { constantChains } from "../../src/passes/encode/constant-chains.js";
import { encodeWeights } from "../../src/passes/encode/encode-weights.js";
import { loadBytes } from "../../src/passes/encode/load-bytes.js";
import { measureLoad } from "../../src/verify/index.js";
import { sampled } from "../support/thorough.js";
import { CONTEXT, prunedValues, tinyModel } from "../passes/encode/tiny-models.js";

const [ROWS, COLUMNS, LAYERS] = [512, 1024, 8];
const DENSE = 4 * ROWS * COLUMNS * LAYERS;

function layers(sparsity: number, levels: number): Model {
  const names = Array.from({ length: LAYERS }, (_, i) => `w${i}`);
  return tinyModel(17, {
    inputs: [tensorValue("x", DataType.FLOAT, [1, COLUMNS])],
    outputs: names.map((_, i) => tensorValue(`y${i}`, DataType.FLOAT, [1, ROWS])),
    nodes: names.map((name, i) => makeNode("MatMul", ["x", name], [`y${i}`])),
    // Chains of equal constants would be computed once.
    initializers: names.map((name, i) => {
      const values = prunedValues(ROWS * COLUMNS, sparsity, levels);
      return floatTensor(name, [COLUMNS, ROWS], rotated(values, 997 * i + 1));
    }),
  });
}

function rotated(values: Float32Array, by: number): Float32Array {
  return Float32Array.from(values, (_, i) => values[(i + by) % values.length]!);
}

describe("memory of loading", () => {
  let folder = "";
  let dense = 0;
  const peakOf = async (name: string, model: Model): Promise<number> => {
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, encodeModelBytes(model));
    return (await measureLoad(path, name)).peakBytes;
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "edgec-load-"));
    dense = await peakOf("dense", layers(0, 0));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("is that of the weights at least where they are dense", () => {
    expect(dense).toBeGreaterThan(0.9 * DENSE);
    expect(dense).toBeLessThan(6 * DENSE);
  });

  it("does not count what the process had that started the runtime's", async () => {
    const large = Buffer.alloc(16 * DENSE, 1);
    expect(await peakOf("dense again", layers(0, 0))).toBeLessThan(6 * DENSE);
    expect(large[0]).toBe(1);
  });

  const FORMS = [
    ["mask", 0.5, 0],
    ["codebook", 0, 16],
    ["mask with codes", 0.5, 16],
    ["gaps", 0.9, 0],
  ] as const;
  it.each(sampled(FORMS, 4))(
    "of %s is what the chains are said to hold, and twice the dense model's in stages",
    async (...of) => {
      const [name, sparsity, levels] = of;
      const model = layers(sparsity, levels);
      await encodeWeights({ storage: "smallest" }).run(model, CONTEXT);
      const held = constantChains(model, GraphEditor.forMainGraph(model)).reduce(
        (sum, c) => sum + c.cost.held,
        0,
      );
      const smallest = await peakOf(name, model);
      const expected = encodeModelBytes(model).byteLength + DENSE + held;
      expect(smallest).toBeGreaterThan(0.6 * expected);
      expect(smallest).toBeLessThan(2.2 * expected);
      const small = layers(sparsity, levels);
      await encodeWeights().run(small, CONTEXT);
      const staged = await peakOf(`${name} in stages`, small);
      expect(staged).toBeLessThan(2.2 * dense);
      expect(staged / loadBytes(small)).toBeGreaterThan(0.4);
      expect(staged / loadBytes(small)).toBeLessThan(2.5);
    },
  );
});
