/**
 * Every form, not just the one chosen: decoded by onnxruntime to the very same bytes, and gone from what it
 * executes.
 */
import { describe, expect, it } from "vitest";
import { DataType, floatTensor, integerTensor } from "../../../src/ir/index.js";
import type { Model, Tensor } from "../../../src/ir/index.js";
import type { Draft } from "../../../src/passes/encode/decoder-builder.js";
import { FreeNames } from "../../../src/passes/encode/free-names.js";
import { FormSource } from "../../../src/passes/encode/form-source.js";
import { execute, leadingBytes, LEVELS, modelOf, prunedValues } from "./tiny-models.js";

const OPSETS = [11, 13, 17, 21];
/** Later operator sets change no chain but for UINT4, so every level is run for the first alone. */
const levelsAt = (opset: number): readonly (typeof LEVELS)[number][] => (opset === 11 ? LEVELS : ["all"]);

function decoding(tensor: Tensor, opset: number, draft: Draft): Model {
  const model = modelOf(tensor, opset);
  const { nodes, constants } = draft.build(new FreeNames(model), new Map());
  model.graph.initializers = constants;
  model.graph.nodes.unshift(...nodes);
  return model;
}

const withOddities = prunedValues(7 * 5 * 9, 0.5, 12);
withOddities.set([-0, NaN, Infinity], 3);
const bfloat16 = prunedValues(420, 0, 0);
new Uint32Array(bfloat16.buffer).forEach((word, i, words) => (words[i] = (word & 0xffff0000) >>> 0));
const halves = Uint16Array.from(prunedValues(700, 0.7, 9), (value) =>
  value === 0 ? 0 : 0x3c00 + Math.round((value + 0.5) * 400),
);
const bytes = Int8Array.from(prunedValues(40 * 16, 0.6, 15), (value) => Math.round(value * 250));

const TENSORS: Record<string, Tensor> = {
  "odd count, 16 values": floatTensor("w", [7, 5, 3, 3], prunedValues(315, 0, 16)),
  "even rows, 12 values": floatTensor("w", [10, 31], prunedValues(310, 0, 12)),
  "three values": floatTensor("w", [11, 35], prunedValues(385, 0, 3)),
  "300 values": floatTensor("w", [30, 51], prunedValues(1530, 0.3, 300)),
  "97 % zeros, 15 values": floatTensor("w", [40, 101], prunedValues(4040, 0.97, 15)),
  "80 % zeros, all different": floatTensor("w", [23, 27], prunedValues(621, 0.8, 0)),
  "-0, NaN and infinity": floatTensor("w", [7, 5, 9], withOddities),
  "one non-zero value": floatTensor("w", [9, 35], new Float32Array(315).fill(1.5)),
  zeros: floatTensor("w", [9, 35], new Float32Array(315)),
  "float16 values": floatTensor(
    "w",
    [20, 21],
    prunedValues(420, 0, 0).map((value) => Math.round(value * 1000) / 512),
  ),
  "bfloat16 values": floatTensor("w", [20, 21], bfloat16),
  "int8 values": floatTensor(
    "w",
    [20, 21],
    prunedValues(420, 0, 0).map((value) => Math.round(value * 255)),
  ),
  float16: integerTensor("w", [25, 28], DataType.FLOAT16, halves),
  int8: integerTensor("w", [40, 16], DataType.INT8, bytes),
  "uint8 around 128": integerTensor(
    "w",
    [40, 16],
    DataType.UINT8,
    Uint8Array.from(bytes, (value) => value + 128),
  ),
};

describe.each(Object.entries(TENSORS))("forms of a tensor with %s", (_, tensor) => {
  it.each(OPSETS)("decode bit for bit at operator set %i, and are folded away", async (opset) => {
    const forms = new FormSource(tensor, opset, undefined).drafts();
    expect(forms.length).toBeGreaterThan(0);
    for (const draft of representatives(forms, opset)) {
      for (const level of levelsAt(opset)) {
        const { outputs, operators } = await execute(decoding(tensor, opset, draft), level);
        expect(
          Buffer.compare(
            leadingBytes(outputs.y, tensor.raw?.byteLength ?? 0),
            tensor.raw ?? new Uint8Array(),
          ),
          `${draft.form}, ${level}`,
        ).toBe(0);
        if (level !== "disabled") expect(operators, draft.form).toEqual(["Concat"]);
      }
    }
  });
});

/**
 * One draft per chain of operators at the first operator set: those that differ in numbers alone are not
 * all run. Later, one per family, and those that are new with UINT4.
 */
function representatives(forms: readonly Draft[], opset: number): Draft[] {
  const isNew = (draft: Draft): boolean => opset === 21 && draft.constantTypes.includes(DataType.UINT4);
  const keyOf = (draft: Draft): string =>
    opset === 11 || isNew(draft) ? draft.nodes.map((node) => node.opType).join() : draft.kind;
  return [...new Map(forms.map((draft) => [keyOf(draft), draft])).values()];
}
