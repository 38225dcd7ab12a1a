import { describe, expect, it } from "vitest";
import { attribute, DataType, floatTensor, makeNode, tensorValue, type Model } from "../../src/ir/index.js";
import { inspect } from "../../src/inspect/inspect.js";
import { fixture } from "../support/run-edgec.js";
import { tiny } from "../support/tiny-models.js";
import { matMulModel } from "../support/mat-mul-model.js";

const symbolic = (model: Model, shape: (number | string | undefined)[]): Model => {
  model.graph.inputs = [tensorValue("x", DataType.FLOAT, shape)];
  return model;
};

describe("an open batch", () => {
  it("is assumed to be one sample with a note, so that later sizes are known", async () => {
    const model = symbolic(matMulModel(), ["batch", 2]);
    model.graph.outputs = [tensorValue("y", DataType.FLOAT, ["batch", 2])];
    const { macs, unknownMacs, activations, inputs, notes } = await inspect(model);
    expect({ macs, unknownMacs, bytes: activations.totalBytes, shape: inputs[0]?.shape, notes }).toEqual({
      macs: 1 * 2 * 2,
      unknownMacs: 0,
      bytes: 8,
      shape: ["batch", 2],
      notes: ['The size "batch" is open and was assumed to be 1. Set it with dims: { batch: … }.'],
    });
    expect(model.graph.inputs[0]?.type?.tensor?.shape).toEqual(["batch", 2]);
  });

  it("may have no symbol", async () => {
    const { macs, notes } = await inspect(symbolic(matMulModel(), [undefined, 2]));
    expect([macs, notes]).toEqual([
      4,
      ['The first size of input "x" is open and was assumed to be 1. Set it with shapes: { x: … }.'],
    ]);
  });

  it.each<[string, string | undefined, string]>([
    ["named", "batch", 'The size "batch" is open and was assumed to be 1. Set it with dims: { batch: … }.'],
    [
      "unnamed",
      undefined,
      'The first size of input "x" is open and was assumed to be 1. Set it with shapes: { x: … }.',
    ],
  ])("and %s is taken for one sample in a run as well", async (_, batch, note) => {
    // The cosine of a zero is one: a row of two gives two indices.
    const model = symbolic(
      tiny(
        [
          makeNode("Cos", ["x"], ["ones"]),
          makeNode("NonZero", ["ones"], ["found"]),
          makeNode("Cast", ["found"], ["f"], [attribute.int("to", DataType.FLOAT)]),
          makeNode("Transpose", ["f"], ["t"]),
          makeNode("MatMul", ["t", "w"], ["y"]),
        ],
        { initializers: [floatTensor("w", [2, 5], new Float32Array(10))] },
      ),
      [batch, 2],
    );
    expect(await inspect(model, { run: true })).toMatchObject({
      sizesFrom: "run",
      macs: 2 * 2 * 5,
      unknownMacs: 0,
      notes: [note],
      warnings: [],
    });
    expect(model.graph.inputs[0]?.type?.tensor?.shape).toEqual([batch, 2]);
  });

  it("is not assumed if a size was given, or if the only axis is a length", async () => {
    expect((await inspect(symbolic(matMulModel(), ["batch", 2]), { dims: { batch: 3 } })).notes).toEqual([]);
    expect((await inspect(symbolic(matMulModel(), ["length"]))).notes).toEqual([]);
  });

  it.each([
    ["lenet", 651_720],
    ["mbv2", 8_715_264],
    ["resnet", 86_869_248],
  ])("of %s leaves no cost unknown, without a run", async (name, expected) => {
    expect(await inspect(fixture(`models/${name}.onnx`))).toMatchObject({
      macs: expected,
      unknownMacs: 0,
      sizesFrom: "inference",
    });
  });
});
