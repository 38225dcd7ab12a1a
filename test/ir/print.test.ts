import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  makeNode,
  printGraph,
  printModel,
  tensorValue,
} from "../../src/ir/index.js";
import type { Graph, Model, Tensor } from "../../src/ir/index.js";

const graphOf = (parts: Partial<Graph>): Graph => ({ ...emptyGraph("g"), ...parts });
const constant = (tensor: Tensor): string =>
  printGraph({ ...emptyGraph(), initializers: [tensor] })
    .split("\n")[1]
    ?.trim() ?? "";

it("prints one line a value, types where they are declared", () => {
  const model: Model = {
    irVersion: 8n,
    opsetImports: [
      { domain: "", version: 17n },
      { domain: "com.microsoft", version: 1n },
    ],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: graphOf({
      inputs: [tensorValue("x", DataType.FLOAT, ["N", 4]), tensorValue("any", DataType.INT8)],
      initializers: [
        floatTensor("w", [2, 2], Float32Array.of(0.1, -0, 1e-7, 3)),
        int64Tensor("axes", [0, -1]),
      ],
      valueInfo: [tensorValue("a", DataType.FLOAT, [undefined, 2])],
      nodes: [
        makeNode(
          "Gemm",
          ["x", "w", ""],
          ["a"],
          [attribute.float("alpha", 2), attribute.int("transB", 1), attribute.string("mode", 'x\n"')],
          "gemm",
        ),
        { ...makeNode("Gelu", ["a"], ["", "y z"]), domain: "com.microsoft" },
      ],
      outputs: [tensorValue("y z", DataType.FLOAT16, [])],
    }),
  };
  expect(printModel(model)).toBe(`model ir=8 ai.onnx=17 com.microsoft=1
graph g {
  input %x: f32[N,4]
  input %any: i8[*]
  const %w: f32[2,2] = [0.1, -0, 1e-7, 3]
  const %axes: i64[2] = [0, -1]
  %a: f32[?,2] = Gemm(%x, %w, _) {alpha=2.0, transB=1, mode="x\\n\\""}  # gemm
  _, %"y z": f16[] = com.microsoft::Gelu(%a)
  output %"y z": f16[]
}
`);
});

it("prints bodies inside their node", () => {
  const body = graphOf({
    name: "then",
    nodes: [makeNode("Relu", ["x"], ["r"])],
    outputs: [tensorValue("r", DataType.FLOAT)],
  });
  expect(
    printGraph(
      graphOf({
        nodes: [
          makeNode(
            "If",
            ["c"],
            ["y"],
            [attribute.graph("then_branch", body), attribute.ints("k", [1, 2])],
            "choose",
          ),
        ],
      }),
    ),
  ).toBe(`graph g {
  %y = If(%c) {  # choose
    then_branch=graph then {
      %r: f32[*] = Relu(%x)
      output %r: f32[*]
    }
    k=[1, 2]
  }
}
`);
});

it("prints small constants in full and exactly, and tells large ones apart by a checksum", () => {
  expect(
    constant({ dims: [], dataType: DataType.FLOAT, raw: new Uint8Array(Float32Array.of(1 / 3).buffer) }),
  ).toBe('const %"": f32[] = 0.33333334');
  expect(
    constant({ name: "w", dims: [2], dataType: DataType.INT64, typed: { int64: [2n ** 62n + 1n, -1n] } }),
  ).toBe("const %w: i64[2] = [4611686018427387905, -1]");
  expect(constant({ name: "w", dims: [2], dataType: DataType.DOUBLE, typed: { double: [0.1, NaN] } })).toBe(
    "const %w: f64[2] = [0.1, NaN]",
  );
  expect(
    constant({
      name: "w",
      dims: [2],
      dataType: DataType.STRING,
      typed: { string: [Buffer.from("a"), Buffer.from("é")] },
    }),
  ).toBe('const %w: string[2] = ["a", "\\u00e9"]');
  // FNV-1a of 17 zero bytes, from its definition: 0x811c9dc5 * 0x01000193^17 mod 2^32.
  let hash = 0x811c9dc5n;
  for (let k = 0; k < 17; k++) hash = (hash * 0x01000193n) % 2n ** 32n;
  expect(constant({ name: "w", dims: [17], dataType: DataType.UINT8, raw: new Uint8Array(17) })).toBe(
    `const %w: u8[17] = <17 bytes, fnv1a ${hash.toString(16).padStart(8, "0")}>`,
  );
});

it("prints where external data lies, without opening it, and what is wrong with an unsound constant", () => {
  const load = (): never => {
    throw new Error("opened");
  };
  expect(
    constant({
      name: "w",
      dims: [2],
      dataType: DataType.FLOAT,
      external: { location: "w.bin", offset: 64, length: 8, load },
    }),
  ).toBe('const %w: f32[2] = <in "w.bin" at 64, 8 bytes>');
  expect(constant({ name: "w", dims: [2], dataType: DataType.FLOAT, raw: new Uint8Array(1) })).toMatch(
    /^const %w: f32\[2\] = <unsound: .*holds 1 bytes where 8 are needed>$/,
  );
});

it("prints functions", () => {
  const fn = {
    name: "F",
    domain: "d",
    inputs: ["a"],
    outputs: ["b"],
    attributeNames: ["axis"],
    attributeDefaults: [attribute.int("k", 2)],
    nodes: [makeNode("Softmax", ["a"], ["b"], [{ name: "axis", type: 2, refAttrName: "axis" }])],
    opsetImports: [{ version: 17n }],
    valueInfo: [],
  };
  const model: Model = {
    opsetImports: [],
    graph: emptyGraph(),
    functions: [fn],
    trainingInfo: [],
    deviceConfigurations: [],
  };
  expect(printModel(model).split("\n").slice(3).join("\n")).toBe(`function d::F(%a) -> (%b) {axis, k=2} {
  ai.onnx=17
  %b = Softmax(%a) {axis=@axis}
}
`);
});

it("prints a real model", async () => {
  const { decodeModel } = await import("../../src/onnx/index.js");
  const lines = printModel(
    decodeModel(readFileSync(new URL("../../fixtures/models/lenet.onnx", import.meta.url))),
  ).split("\n");
  expect(lines).toHaveLength(28);
  expect(lines.at(-4)).toBe(
    "  %logits: f32[N,10] = Gemm(%/Relu_3_output_0, %fc3.weight, %fc3.bias) {alpha=1.0, " +
      "beta=1.0, transB=1}  # /fc3/Gemm",
  );
});
