/** Every form, not just the one chosen: decoded by onnxruntime to the very same bytes, and gone from what it executes. */
import { describe, expect, it } from "vitest";
import { DataType, floatTensor, integerTensor } from "../../../src/ir/index.js";
import type { Model, Tensor } from "../../../src/ir/index.js";
import type { Draft } from "../../../src/passes/encode/draft.js";
import { allForms, ENCODABLE_BYTES } from "../../../src/passes/encode/storage-forms.js";
import { readSymbols } from "../../../src/passes/encode/symbols.js";
import { execute, leadingBytes, LEVELS, modelOf, prunedValues } from "./tiny-models.js";

const OPSETS = [11, 13, 17, 21];
/** The operators have their definitions of 11 and 21 at the ends; in between one level tells whether a chain folds. */
const levelsAt = (opset: number): readonly (typeof LEVELS)[number][] => (opset === 11 || opset === 21 ? LEVELS : ["all"]);
const SCOPE = { nameAt: (k: number) => `e${k}`, firstFree: 0, shared: new Map<string, string>() };

function drafts(tensor: Tensor, opset: number): Draft[] {
  const symbols = readSymbols(tensor, ENCODABLE_BYTES.get(tensor.dataType) ?? 0);
  return allForms(SCOPE, { tensor, symbols, opset }).map((draft) => draft.finish("w"));
}

function decoding(tensor: Tensor, opset: number, draft: Draft): Model {
  const model = modelOf(tensor, opset);
  model.graph.initializers = draft.tensors();
  model.graph.nodes.unshift(...draft.nodes);
  return model;
}

const withOddities = prunedValues(7 * 5 * 9, 0.5, 12);
withOddities.set([-0, NaN, Infinity], 3);
const bfloat16 = prunedValues(420, 0, 0);
new Uint32Array(bfloat16.buffer).forEach((word, i, words) => (words[i] = (word & 0xffff0000) >>> 0));
const halves = Uint16Array.from(prunedValues(700, 0.7, 9), (value) => (value === 0 ? 0 : 0x3c00 + Math.round((value + 0.5) * 400)));
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
  "zeros": floatTensor("w", [9, 35], new Float32Array(315)),
  "float16 values": floatTensor("w", [20, 21], prunedValues(420, 0, 0).map((value) => Math.round(value * 1000) / 512)),
  "bfloat16 values": floatTensor("w", [20, 21], bfloat16),
  "int8 values": floatTensor("w", [20, 21], prunedValues(420, 0, 0).map((value) => Math.round(value * 255))),
  "float16": integerTensor("w", [25, 28], DataType.FLOAT16, halves),
  "int8": integerTensor("w", [40, 16], DataType.INT8, bytes),
  "uint8 around 128": integerTensor("w", [40, 16], DataType.UINT8, Uint8Array.from(bytes, (value) => value + 128)),
};

describe.each(Object.entries(TENSORS))("forms of a tensor with %s", (_, tensor) => {
  it.each(OPSETS)("decode bit for bit at operator set %i, and are folded away", async (opset) => {
    const forms = drafts(tensor, opset);
    expect(forms.length).toBeGreaterThan(0);
    for (const draft of representatives(forms)) {
      for (const level of levelsAt(opset)) {
        const { outputs, operators } = await execute(decoding(tensor, opset, draft), level);
        expect(Buffer.compare(leadingBytes(outputs["y"], tensor.raw?.byteLength ?? 0), tensor.raw ?? new Uint8Array()), `${draft.form}, ${level}`).toBe(0);
        if (level !== "disabled") expect(operators, draft.form).toEqual(["Concat"]);
      }
    }
  });
});

/** One draft per chain of operators: those that differ in numbers alone are not all run. */
function representatives(forms: readonly Draft[]): Draft[] {
  const chains = new Map(forms.map((draft) => [draft.nodes.map((node) => node.opType).join(), draft]));
  return [...chains.values()];
}
