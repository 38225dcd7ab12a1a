import { describe, expect, it } from "vitest";
import {
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  type Model,
  type OpaqueMessage,
} from "../../src/ir/index.js";
import { decodeModel, dropStaleReferences, encodeModelBytes, referableNames } from "../../src/onnx/index.js";
import { decodeMessage, encodeMessage } from "../../src/onnx/schema.js";
import { Random } from "../fuzz/random.js";

const annotation = (tensorName: string, ...parameters: string[]): OpaqueMessage => ({
  bytes: encodeMessage("TensorAnnotation", {
    tensorName,
    quantParameterTensorNames: parameters.map((value, k) => ({
      key: k === 0 ? "SCALE_TENSOR" : "ZERO_POINT_TENSOR",
      value,
    })),
  }),
});
const entries = (names: readonly string[]) => names.map((key) => ({ key, value: `new_${key}` }));
const training = (bound: readonly string[], read: readonly string[] = []): OpaqueMessage => ({
  bytes: encodeMessage("TrainingInfoProto", {
    algorithm: { node: read.map((name) => ({ opType: "Identity", input: [name], output: [`copy_${name}`] })) },
    updateBinding: entries(bound),
  }),
});
const bindings = ({ bytes }: OpaqueMessage): string[] =>
  ((decodeMessage("TrainingInfoProto", bytes) as { updateBinding?: { key: string }[] }).updateBinding ?? []).map(
    ({ key }) => key,
  );

/** Constants of these names, and y = x · first. */
function model(names: readonly string[]): Model {
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"),
      inputs: [tensorValue("x", DataType.FLOAT, [1])],
      outputs: [tensorValue("y", DataType.FLOAT)],
      initializers: names.map((name) => floatTensor(name, [1], Float32Array.of(1))),
      nodes: [makeNode("Mul", ["x", names[0] ?? ""], ["y"])],
    },
  };
}

function without(given: Model, ...gone: string[]): Model {
  return {
    ...given,
    graph: { ...given.graph, initializers: given.graph.initializers.filter(({ name = "" }) => !gone.includes(name)) },
  };
}

describe("what names tensors that passes have removed", () => {
  it("goes, and the rest stays as it was, in random models", () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new Random(seed);
      const names = Array.from({ length: 8 }, (_, k) => `c${k}`);
      const before = model(names);
      const annotated = Array.from({ length: 5 }, () =>
        Array.from({ length: random.within(1, 3) }, () => random.pick(["y", "x", "nowhere", ...names])),
      );
      const bound = names.filter(() => random.chance(0.5));
      const read = names.filter(() => random.chance(0.1));
      before.graph.quantizationAnnotations = annotated.map(([tensor = "", ...parameters]) =>
        annotation(tensor, ...parameters),
      );
      before.trainingInfo = [training(bound, read)];
      const gone = names.slice(1).filter(() => random.chance(0.3));
      const isGone = (name: string): boolean => gone.includes(name);
      const known = referableNames(before)!;
      const after = without(decodeModel(encodeModelBytes(before)), ...gone);
      const dropped = dropStaleReferences(after, known);
      // By the definition: an entry stays whole or goes, and a step that reads what is gone goes with its bindings.
      const kept = annotated.filter((all) => !all.some(isGone));
      expect(after.graph.quantizationAnnotations.map(({ bytes }) => [...bytes])).toEqual(
        kept.map(([tensor = "", ...parameters]) => [...annotation(tensor, ...parameters).bytes]),
      );
      expect(dropped.annotations).toBe(annotated.length - kept.length);
      expect(after.trainingInfo.map(bindings)).toEqual(
        read.some(isGone) ? [] : [bound.filter((name) => !isGone(name))],
      );
      expect(dropped.training > 0).toBe(read.some(isGone) || bound.some(isGone));
    }
  });

  it("goes where a constant has become a computed value, unless it is what is annotated", () => {
    const before = model(["a", "b"]);
    before.graph.quantizationAnnotations = [annotation("b", "a"), annotation("y", "b")];
    const known = referableNames(before)!;
    const after = without(before, "b");
    after.graph.nodes = [makeNode("Identity", ["a"], ["b"]), ...after.graph.nodes];
    expect(dropStaleReferences(after, known)).toEqual({ annotations: 1, training: 0 });
    expect(after.graph.quantizationAnnotations).toEqual([annotation("b", "a")]);
  });

  it("is not looked for where nothing names any", () => {
    expect(referableNames(model(["a"]))).toBeUndefined();
  });

  it("may be malformed, which concerns nobody", () => {
    const before = model(["a", "b"]);
    const broken = { bytes: Uint8Array.of(10, 200, 1) };
    before.graph.quantizationAnnotations = [broken];
    before.trainingInfo = [broken];
    const after = without(before, "b");
    expect(dropStaleReferences(after, referableNames(before)!)).toEqual({ annotations: 0, training: 0 });
    expect([after.graph.quantizationAnnotations, after.trainingInfo]).toEqual([[broken], [broken]]);
  });
});
