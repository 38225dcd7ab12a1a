import { createRequire } from "node:module";
import type * as OnnxProto from "onnx-proto";
import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  type Model,
  type Tensor,
} from "../../src/ir/index.js";
import { decodeModel, encodeModel, encodeModelBytes } from "../../src/onnx/index.js";

function modelOf(parts: Partial<Model["graph"]>): Model {
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph: { ...emptyGraph("g"), ...parts },
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

it("writes files that an independent reader reads", () => {
  const constant = attribute.tensor("value", {
    dims: [],
    dataType: DataType.INT64,
    typed: { int64: [-(2n ** 40n)] },
  });
  const { onnx } = createRequire(import.meta.url)("onnx-proto") as typeof OnnxProto;
  const read = onnx.ModelProto.decode(
    encodeModelBytes(
      modelOf({
        nodes: [
          makeNode(
            "Gemm",
            ["x", "w"],
            ["y"],
            [attribute.int("transB", 1), attribute.float("alpha", 0.5)],
            "gemm",
          ),
          makeNode("Constant", [], ["c"], [constant]),
        ],
        initializers: [floatTensor("w", [1, 2], Float32Array.of(1, 2))],
        inputs: [tensorValue("x", DataType.FLOAT, ["N", 2])],
        outputs: [tensorValue("y", DataType.FLOAT)],
      }),
    ),
  );
  expect(read).toMatchObject({ irVersion: { low: 8, high: 0 } });
  const { graph } = read;
  expect(graph?.node?.[0]).toMatchObject({ opType: "Gemm", name: "gemm", input: ["x", "w"], output: ["y"] });
  expect(graph?.node?.[0]?.attribute).toMatchObject([{ name: "transB" }, { name: "alpha", f: 0.5 }]);
  expect(String(graph?.node?.[1]?.attribute?.[0]?.t?.int64Data?.[0])).toBe(String(-(2n ** 40n)));
  expect(graph?.initializer?.[0]?.rawData).toEqual(Buffer.from(Float32Array.of(1, 2).buffer));
  const dim = graph?.input?.[0]?.type?.tensorType?.shape?.dim;
  expect([dim?.[0]?.dimParam, Number(dim?.[1]?.dimValue)]).toEqual(["N", 2]);
  expect(graph?.output?.[0]?.type?.tensorType?.elemType).toBe(1);
});

it("passes weights through as views, wherever they are", () => {
  const weight = (name: string): Tensor => floatTensor(name, [2000], new Float32Array(2000));
  const [outer, inner, value, typed] = [
    weight("outer"),
    weight("inner"),
    weight("value"),
    { name: "t", dims: [9000], dataType: DataType.UINT8, typed: { int32: new Array<number>(9000).fill(1) } },
  ];
  const body = {
    ...emptyGraph("body"),
    nodes: [makeNode("Identity", ["inner"], ["z"])],
    initializers: [inner],
    outputs: [tensorValue("z", DataType.FLOAT)],
  };
  const model = modelOf({
    nodes: [
      makeNode("Constant", [], ["c"], [attribute.tensor("value", value)]),
      makeNode("If", ["b"], ["y"], [attribute.graph("then_branch", body), attribute.int("last", 1)]),
    ],
    initializers: [outer, typed],
  });
  const chunks = encodeModel(model);
  for (const tensor of [outer, inner, value])
    expect(chunks.filter((chunk) => chunk === tensor.raw)).toHaveLength(1);
  const again = decodeModel(Buffer.concat(chunks));
  expect(again.graph.nodes.map((node) => node.opType)).toEqual(["Constant", "If"]);
  expect(again.graph.nodes[1]?.attributes.map((a) => a.name)).toEqual(["then_branch", "last"]);
  expect(again.graph.initializers[1]?.typed?.int32).toEqual(typed.typed.int32);
  // The list of the tensor read is still encoded: it passes through as a view as well.
  expect(encodeModel(again).some((chunk) => chunk.byteLength === 9000)).toBe(true);
  expect(Buffer.compare(encodeModelBytes(again), Buffer.concat(chunks))).toBe(0);
});

it("writes a type that a pass changed, and the file's own bytes otherwise", () => {
  const model = decodeModel(
    encodeModelBytes(
      modelOf({ inputs: [tensorValue("x", DataType.FLOAT, [1]), tensorValue("kept", DataType.FLOAT, [1])] }),
    ),
  );
  const [x] = model.graph.inputs;
  if (x) x.type = { tensor: { elementType: DataType.FLOAT16, shape: [4, "N", undefined] } };
  const [changed, kept] = decodeModel(encodeModelBytes(model)).graph.inputs;
  expect(changed?.type?.tensor).toEqual({ elementType: DataType.FLOAT16, shape: [4, "N", undefined] });
  expect(kept?.type).toEqual(model.graph.inputs[1]?.type);
});

it("writes new values in place of those read, in any form", () => {
  const model = decodeModel(
    encodeModelBytes(
      modelOf({
        initializers: [{ name: "w", dims: [2], dataType: DataType.INT32, typed: { int32: [1, 2] } }],
      }),
    ),
  );
  const [w] = model.graph.initializers;
  if (w) w.typed = { int32: [3, 4] };
  expect(decodeModel(encodeModelBytes(model)).graph.initializers[0]?.typed).toEqual({ int32: [3, 4] });
  if (w) w.raw = new Uint8Array(Int32Array.of(5, 6).buffer);
  expect(decodeModel(encodeModelBytes(model)).graph.initializers).toEqual([
    { name: "w", dims: [2], dataType: DataType.INT32, raw: w?.raw },
  ]);
});
