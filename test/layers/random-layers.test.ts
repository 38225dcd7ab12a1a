import { beforeAll, describe, expect, it } from "vitest";
import { DataType, GraphEditor, toFloat32, toNumbers } from "../../src/ir/index.js";
import { biasBehind, biasValues, storedBias } from "../../src/layers/bias.js";
import { codedWeight } from "../../src/layers/coded-operands.js";
import { type Layer, layerAt } from "../../src/layers/layer.js";
import { weightLayers } from "../../src/layers/weight-layers.js";
import { matrixLayout } from "../../src/layers/weight-matrix.js";
import { Random } from "../support/random.js";
import { run } from "../support/running.js";
import { randomLayer, type RandomLayer } from "./random-layers.js";

const COUNT = 120;
const random = new Random(7);
const layers = Array.from({ length: COUNT }, () => randomLayer(random));
const inputs = layers.map(({ inputDims }) =>
  random.floats(
    inputDims.reduce((a, b) => a * b, 1),
    1,
  ),
);
/** What onnxruntime makes of each. */
const outputs: Float32Array[] = [];

beforeAll(async () => {
  for (const [k, { model, inputDims }] of layers.entries()) {
    const fed = await run(model, { x: { dataType: DataType.FLOAT, dims: inputDims, data: inputs[k]! } });
    outputs.push(fed.y!.data as Float32Array);
  }
});

const describeLayer = ({ operator, form, bias }: RandomLayer): string =>
  `${operator}, ${form}, bias: ${bias}`;

/** Weights in real numbers, row by row, by the layer's layout and coding. */
function realRows(layer: Layer): number[][] {
  const { rows, columns, rowOffsets, columnOffsets } = matrixLayout(layer);
  const values = toNumbers(layer.tensor);
  const constant = (name: string): number[] => {
    const tensor = layer.editor.constant(name);
    return tensor
      ? Array.from(tensor.dataType === DataType.FLOAT ? toFloat32(tensor) : toNumbers(tensor))
      : [];
  };
  const scales = layer.coding ? constant(layer.coding.scale) : [1];
  const zeros = constant(layer.coding?.zeroPoint ?? "");
  const at = (list: readonly number[], row: number): number =>
    list.length === 1 ? list[0]! : (list[row] ?? 0);
  return Array.from({ length: rows }, (_, row) =>
    Array.from(
      { length: columns },
      (_, column) => at(scales, row) * (values[rowOffsets[row]! + columnOffsets[column]!]! - at(zeros, row)),
    ),
  );
}

/** The inputs that a row is multiplied by: those of its group, repeated over the kernel that spreads them. */
function inputsOf({ operator }: RandomLayer, layer: Layer, input: Float32Array, row: number): number[] {
  const { rows, columns } = matrixLayout(layer);
  const perGroup = input.length / layer.groups;
  const group = Math.floor((row * layer.groups) / rows);
  const own = [...input.subarray(group * perGroup, (group + 1) * perGroup)];
  const spread = operator === "ConvTranspose" ? columns / perGroup : 1;
  return own.flatMap((value) => new Array<number>(spread).fill(value));
}

/** The value of each output channel, over all positions of its kernel. */
function sums(values: Float32Array, channels: number): number[] {
  const each = values.length / channels;
  return Array.from({ length: channels }, (_, c) =>
    values.subarray(c * each, (c + 1) * each).reduce((a, b) => a + b, 0),
  );
}

describe("a layer of any form", () => {
  it("is read as the weights and bias that onnxruntime computes with", () => {
    for (const [k, random] of layers.entries()) {
      const { model, node, index, operator } = random;
      const editor = GraphEditor.forMainGraph(model);
      const layer = layerAt(editor, node, index)!;
      expect(layer, describeLayer(random)).toBeDefined();
      const rows = realRows(layer);
      const stored =
        node.opType === "MatMul" ? biasBehind(editor, node.outputs[0]!) : storedBias(editor, node, 2);
      const bias = stored ? biasValues(stored) : new Float64Array(rows.length);
      const positions = operator === "ConvTranspose" ? outputs[k]!.length / rows.length : 1;
      const expected = sums(outputs[k]!, rows.length);
      rows.forEach((row, r) => {
        const input = inputsOf(random, layer, inputs[k]!, r);
        const made = row.reduce((sum, value, c) => sum + value * input[c]!, 0) + bias[r]! * positions;
        expect(Math.abs(made - expected[r]!), describeLayer(random)).toBeLessThan(
          1e-4 * (1 + Math.abs(expected[r]!)),
        );
      });
    }
  });

  it("has its bias found exactly where there is one", () => {
    for (const random of layers) {
      const { model, node, bias } = random;
      const editor = GraphEditor.forMainGraph(model);
      const found =
        node.opType === "MatMul" ? biasBehind(editor, node.outputs[0]!) : storedBias(editor, node, 2);
      expect(found === undefined, describeLayer(random)).toBe(bias === "none");
      expect(found?.coding !== undefined, describeLayer(random)).toBe(bias === "codes");
    }
  });

  it("gives codes in its own order with a scale for each output, behind a DequantizeLinear alone", () => {
    for (const random of layers) {
      const { model, node, index, form } = random;
      const editor = GraphEditor.forMainGraph(model);
      const layer = layerAt(editor, node, index)!;
      const coded = codedWeight(editor, node, index);
      expect(coded !== undefined, describeLayer(random)).toBe(form === "dequantized");
      if (!coded) continue;
      expect(coded.dims).toEqual(layer.dims);
      const inner = coded.dims.slice(layer.channelAxis + 1).reduce((a, b) => a * b, 1);
      const real = Array.from(coded.codes, (code, at) => {
        const channel = Math.floor(at / inner) % coded.scales.length;
        return coded.scales[channel]! * (code - coded.zeroPoints[channel]!);
      });
      const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
      expect(total(real)).toBeCloseTo(total(realRows(layer).flat()), 3);
    }
  });

  it("shares its constant with the others that use it, unless something else would see it change", () => {
    for (const random of layers) {
      const { model, form, isShared, isForeign } = random;
      const [found, ...others] = weightLayers(model);
      expect(others, describeLayer(random)).toEqual([]);
      expect(found!.tensor.name).toBe("t");
      expect(found!.uses).toHaveLength(isShared ? 2 : 1);
      // Readers of one DequantizeLinear would all see what is meant for one.
      const isSeen = isForeign || (isShared && form === "dequantized");
      expect(found!.obstacle !== undefined, `${describeLayer(random)}: ${found!.obstacle ?? ""}`).toBe(
        isSeen,
      );
    }
  });
});

it("covers every operator, form and bias", () => {
  expect(new Set(layers.map(({ operator }) => operator)).size).toBe(5);
  expect(new Set(layers.map(({ form }) => form)).size).toBe(3);
  expect(new Set(layers.map(({ bias }) => bias)).size).toBe(3);
  expect(layers.some(({ node, form }) => node.opType === "Conv" && form === "dequantized")).toBe(true);
});
