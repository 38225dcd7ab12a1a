import { describe, expect, it } from "vitest";
import {
  attribute,
  AttributeType,
  DataType,
  emptyGraph,
  integerTensor,
  makeNode,
  type Model,
} from "../../src/ir/index.js";
import { fitRuntime, oldestRuntime } from "../../src/ops/runtime-versions.js";

const model = (opset: number, irVersion: bigint, parts: Partial<Model> = {}): Model => ({
  irVersion,
  opsetImports: [{ domain: "", version: BigInt(opset) }],
  graph: { ...emptyGraph("g"), nodes: [makeNode("Relu", ["x"], ["y"])] },
  functions: [],
  trainingInfo: [],
  deviceConfigurations: [],
  ...parts,
});

describe("oldestRuntime", () => {
  it("knows what a release between two of the table reads", () => {
    expect(oldestRuntime("1.16.3")).toEqual({ name: "1.16", opset: 19, ir: 9, foldsFunctions: false });
    expect(oldestRuntime("1.20")).toEqual({ name: "1.20", opset: 21, ir: 10, foldsFunctions: true });
    expect(oldestRuntime("1.30")).toMatchObject({ opset: 26, ir: 13 });
    expect(oldestRuntime("1.32.0")).toMatchObject({ opset: 28, ir: 14 });
  });

  it.each([
    ["latest", /such as 1\.16, not "latest"/],
    ["1.9", /1\.15 or later, not 1\.9/],
    ["", /not ""/],
    ["99.1", /99\.1 is not supported: the newest .* is 1\.32/],
    ["1.33", /newest/],
    ["2.0", /newest/],
  ])("refuses %j", (text, words) => {
    expect(() => oldestRuntime(text)).toThrow(words);
  });
});

describe("fitRuntime", () => {
  it("lowers an IR version that nothing in the model needs", () => {
    const m = model(17, 13n);
    fitRuntime(m, oldestRuntime("1.16"), "m.onnx");
    expect(m.irVersion).toBe(9n);
  });

  it("leaves what the runtime reads", () => {
    const m = model(17, 8n);
    fitRuntime(m, oldestRuntime("1.16"), "m.onnx");
    expect(m.irVersion).toBe(8n);
  });

  it("refuses a newer operator set", () => {
    expect(() => fitRuntime(model(21, 10n), oldestRuntime("1.16"), "m.onnx")).toThrow(
      "m.onnx: uses operator set 21, and onnxruntime 1.16 runs 19 at most",
    );
  });

  it("refuses constants of a newer type, also in attributes", () => {
    const int4 = integerTensor("c", [2], DataType.INT4, Uint8Array.of(0x21));
    const node = makeNode(
      "Constant",
      [],
      ["c"],
      [{ ...attribute.tensor("value", int4), type: AttributeType.TENSOR }],
    );
    const m = model(17, 10n, { graph: { ...emptyGraph("g"), nodes: [node] } });
    expect(() => fitRuntime(m, oldestRuntime("1.16"), "m.onnx")).toThrow("IR version 10");
  });
});
