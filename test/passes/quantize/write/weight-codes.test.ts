import { describe, expect, it } from "vitest";
import { attribute, FloatReader, floatTensor, makeNode, type Tensor } from "../../../../src/ir/index.js";
import { quantizeRows, matrixRows } from "../../../../src/numeric/affine.js";
import { transposedView } from "../../../../src/ops/strided-view.js";
import { isDepthwise, type KernelWeight } from "../../../../src/layers/kernel-weight.js";
import type { WeightView } from "../../../../src/layers/weight-view.js";
import type { WeightForm } from "../../../../src/passes/quantize/setup/weight-form.js";
import { quantizeWeight } from "../../../../src/passes/quantize/write/weight-codes.js";
import { normalArray } from "../../../support/seeded.js";

const matrix = (): Tensor => floatTensor("w", [6, 4], normalArray(24, 3));
const PRODUCT = makeNode("MatMul", ["x", "w"], ["y"]);
const TRANSPOSED = makeNode("Gemm", ["x", "w"], ["y"], [attribute.int("transB", 1)]);
const FORM: WeightForm = { guardPairs: false, perTensor: false };

/** The weight on the right of a product, as [K, N] or as a Gemm with transB has it. */
function right(tensor: Tensor, isTransposed = false): KernelWeight {
  const view: WeightView = {
    tensor,
    dataType: tensor.dataType,
    dims: tensor.dims,
    strides: [tensor.dims[1]!, 1],
    path: [],
  };
  return { view, kernel: isTransposed ? transposedView(view, [1, 0])! : view, isLeft: false };
}

/** Counts how often weights are read, which is done for nothing but to make codes. */
function countingReader(weight: Tensor): FloatReader & { reads: number } {
  const reader = new FloatReader([weight]) as FloatReader & { reads: number };
  const read = reader.read.bind(reader);
  reader.reads = 0;
  reader.read = (...args: Parameters<FloatReader["read"]>) => {
    reader.reads++;
    return read(...args);
  };
  return reader;
}

describe("codes of weights", () => {
  it("are made once for a weight in one form, and are those of its rows", () => {
    const weight = matrix();
    const reader = countingReader(weight);
    const first = quantizeWeight(PRODUCT, right(weight), { ...FORM, reader });
    expect(
      quantizeWeight(makeNode("MatMul", ["other", "w"], ["z"]), right(weight), { ...FORM, reader }),
    ).toBe(first);
    expect(reader.reads).toBe(1);
    expect(first).toEqual(quantizeRows(normalArray(24, 3), matrixRows([6, 4], false), { guardPairs: false }));
  });

  it("are others for another form, another order of rows and wider scales", () => {
    const weight = matrix();
    const reader = countingReader(weight);
    const wide = new Float32Array(4).fill(1);
    const all = [
      quantizeWeight(PRODUCT, right(weight), { ...FORM, reader }),
      quantizeWeight(PRODUCT, right(weight), { ...FORM, perTensor: true, reader }),
      quantizeWeight(PRODUCT, right(weight), { ...FORM, bitsOf: () => 4, reader }),
      quantizeWeight(PRODUCT, right(weight), { ...FORM, maxCode: 63, reader }),
      quantizeWeight(TRANSPOSED, right(weight, true), { ...FORM, reader }),
      quantizeWeight(PRODUCT, right(weight), { ...FORM, reader }, wide),
    ];
    expect(new Set(all.map(({ codes, scales }) => `${codes.join()} ${scales.join()}`)).size).toBe(all.length);
    expect(Array.from(all[5]!.scales)).toEqual([1, 1, 1, 1]);
  });

  it("do not go by the name: another weight of the same name has its own", () => {
    const [one, other] = [matrix(), floatTensor("w", [6, 4], normalArray(24, 4))];
    const codes = [one, other].map((weight) =>
      quantizeWeight(PRODUCT, right(weight), { ...FORM, reader: countingReader(weight) }).codes.join(),
    );
    expect(codes[0]).not.toBe(codes[1]);
  });
});

it("tells depthwise kernels from others", () => {
  const kernel = floatTensor("w", [4, 1, 3, 3], new Float32Array(36));
  expect(isDepthwise(makeNode("Conv", ["x", "w"], ["y"], [attribute.int("group", 4)]), kernel)).toBe(true);
  expect(isDepthwise(makeNode("Conv", ["x", "w"], ["y"]), kernel)).toBe(false);
});
