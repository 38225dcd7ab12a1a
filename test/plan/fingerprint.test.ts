import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  type Graph,
  makeNode,
  type Model,
  type TensorType,
  tensorValue,
} from "../../src/ir/index.js";
import { decodeModel, encodeModelBytes, readModel, writeModel } from "../../src/onnx/index.js";
import { fingerprintOf } from "../../src/plan/fingerprint.js";
import { model } from "../support/feed-models.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { normalArray } from "../support/seeded.js";

const folder = temporaryFolder();
const network = (axis = 1, seed = 1, count = 16_384): Model =>
  model(
    [1, 4],
    [makeNode("Softmax", ["x"], ["s"], [attribute.int("axis", axis)]), makeNode("MatMul", ["s", "w"], ["y"])],
    [floatTensor("w", [4, count / 4], normalArray(count, seed))],
  );

describe("fingerprintOf", () => {
  it("is the same wherever the constants are", () => {
    const expected = fingerprintOf(network());
    expect(expected).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(fingerprintOf(decodeModel(encodeModelBytes(network())))).toBe(expected);
    const outside = join(folder.path, "outside.onnx");
    writeModel(network(), outside, { externalData: true });
    expect(fingerprintOf(readModel(outside))).toBe(expected);
  });

  it("is another for other weights, attributes, names or shapes", () => {
    const renamed = network();
    renamed.graph.nodes[1]!.outputs[0] = "z";
    const seen = [network(), network(1, 2), network(0), renamed, network(1, 1, 8192)].map(fingerprintOf);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("is another where bodies and functions hand out or take values in another order", () => {
    const branch = (outputs: readonly string[]): Graph => ({
      ...emptyGraph("branch"),
      nodes: [makeNode("Relu", ["x"], ["a"]), makeNode("Neg", ["x"], ["b"])],
      outputs: outputs.map((name) => tensorValue(name, DataType.FLOAT)),
    });
    const choosing = (outputs: readonly string[]): Model =>
      model(
        [1],
        [
          makeNode(
            "If",
            ["c"],
            ["p", "q"],
            [
              attribute.graph("then_branch", branch(outputs)),
              attribute.graph("else_branch", branch(["a", "b"])),
            ],
          ),
        ],
      );
    const calling = (inputs: string[]): Model => ({
      ...model([1], [makeNode("F", ["x", "x"], ["y"])]),
      functions: [
        {
          name: "F",
          domain: "d",
          inputs,
          outputs: ["s"],
          attributeNames: [],
          attributeDefaults: [],
          nodes: [makeNode("Sub", ["a", "b"], ["s"])],
          opsetImports: [],
          valueInfo: [],
        },
      ],
    });
    expect(fingerprintOf(choosing(["b", "a"]))).not.toBe(fingerprintOf(choosing(["a", "b"])));
    expect(fingerprintOf(calling(["b", "a"]))).not.toBe(fingerprintOf(calling(["a", "b"])));
    expect(fingerprintOf(decodeModel(encodeModelBytes(choosing(["a", "b"]))))).toBe(
      fingerprintOf(choosing(["a", "b"])),
    );
  });

  it("is another for inputs of another type or shape", () => {
    const taking = (type: TensorType): string =>
      fingerprintOf({
        ...network(),
        graph: { ...network().graph, inputs: [{ name: "x", type: { tensor: type } }] },
      });
    const [float, double] = [DataType.FLOAT, DataType.DOUBLE];
    const seen = [
      { elementType: float, shape: [1, 4] },
      { elementType: double, shape: [1, 4] },
      { elementType: float, shape: ["n", 4] },
      { elementType: float, shape: [undefined, 4] },
      { elementType: float },
    ].map(taking);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it("takes all bytes of a small constant, and the ends and the middle of a large one", () => {
    const changed = (count: number, at: number): string => {
      const values = normalArray(count, 1);
      values[at]! += 1;
      const m = network(1, 1, count);
      m.graph.initializers[0] = floatTensor("w", [4, count / 4], values);
      return fingerprintOf(m);
    };
    for (const at of [0, 500, 1023, 2047])
      expect(changed(2048, at)).not.toBe(fingerprintOf(network(1, 1, 2048)));
    for (const at of [0, 8192, 16_383]) expect(changed(16_384, at)).not.toBe(fingerprintOf(network()));
    expect(changed(16_384, 4000)).toBe(fingerprintOf(network()));
  });
});
