import { expect, it } from "vitest";
import { floatTensor, makeNode, type Model } from "../../src/ir/index.js";
import { diffModels } from "../../src/inspect/diff-models.js";
import { inspect } from "../../src/inspect/inspect.js";
import { diffText } from "../../src/report/diff-text.js";
import { inspectionText } from "../../src/report/inspection-text.js";
import { tiny, X } from "../support/tiny-models.js";
import { matMulModel } from "../support/mat-mul-model.js";

const lines = (text: string): string[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.replaceAll(/ {2,}/g, " | "));

it("shows a model at a glance", async () => {
  const text = inspectionText(await inspect(matMulModel(Float32Array.of(0, 0.25, -1.5, 1))));
  expect(lines(text)).toEqual([
    "file | (in memory)",
    "opset | ai.onnx 17 (IR version 8)",
    "input | x: float [1, 2]",
    "output | y: float [1, 2]",
    "parameters | 4, 16 B, 25.0 % of the floating-point ones are zero",
    "bytes | initializers 16 B",
    "MACs | 4",
    "activations | 8 B, at most 16 B at once",
    "",
    "operator | nodes | parameters | bytes | MACs | activations",
    "MatMul | 1 | 4 | 16 B | 4 | 8 B",
    "total | 1",
    "",
    "layer | operator | weight | bytes | MACs | zeros | range | values",
    "dense/MatMul | MatMul | float 2×2 | 16 B | 4 | 25.0 % | -1.5 … 1 | 4",
  ]);
});

/** Products with weights of 8 × 8, each node named by its place. */
function chain(count: number): Model {
  const nodes = Array.from({ length: count }, (_, k) =>
    makeNode(
      "MatMul",
      [k === 0 ? "x" : `m${k - 1}`, `w${k}`],
      [`m${k}`],
      [],
      `n${String(k).padStart(2, "0")}`,
    ),
  );
  const initializers = nodes.map((_, k) =>
    floatTensor(
      `w${k}`,
      [8, 8],
      Float32Array.from({ length: 64 }, () => k),
    ),
  );
  return tiny(nodes, { feed: { x: { ...X.x!, dims: [1, 8] } }, initializers });
}

it("lists the first twenty layers, or all", async () => {
  const inspection = await inspect(chain(25));
  const layers = (text: string): number => text.split("\n").filter((line) => /^n\d\d /.test(line)).length;
  expect(layers(inspectionText(inspection))).toBe(20);
  expect(inspectionText(inspection)).toContain('and 5 more layers: "all" lists them');
  expect(layers(inspectionText(inspection, { all: true }))).toBe(25);
});

it("sorts layers by bytes, MACs or name", async () => {
  const model = tiny(
    [makeNode("MatMul", ["x", "small"], ["m"], [], "b"), makeNode("MatMul", ["m", "large"], ["y"], [], "a")],
    {
      feed: { x: { ...X.x!, dims: [1000, 4] } },
      initializers: [
        floatTensor("small", [4, 5], new Float32Array(20)),
        floatTensor("large", [5, 40], new Float32Array(200)),
      ],
    },
  );
  model.graph.nodes.push(makeNode("Add", ["y", "bias"], ["z"], [], "c"));
  model.graph.initializers.push(floatTensor("bias", [1000, 40], new Float32Array(40_000)));
  const inspection = await inspect(model);
  const order = (sort: "bytes" | "macs" | "name"): string =>
    inspectionText(inspection, { sort })
      .split("\n")
      .flatMap((line) => (/^[abc] /.test(line) ? [line[0]!] : []))
      .join("");
  expect([order("bytes"), order("macs"), order("name")]).toEqual(["cab", "abc", "abc"]);
});

it("marks unknown costs and says how to make them known", async () => {
  const model = matMulModel();
  model.graph.inputs = [{ name: "x", type: { tensor: { elementType: 1, shape: ["N", "length\x1b", 2] } } }];
  model.graph.outputs = [{ name: "y" }];
  const text = inspectionText(await inspect(model));
  expect(text).toContain('unknown: sizes of 1 node are not known. Give dims: { "length\\u001b": 1 }');
  expect(text).toMatch(/dense\/MatMul +MatMul +float 2×2 +16 B +\?/);
});

it("lets no name of a model reach the terminal as it is", async () => {
  const evil = (text: string): string => `${text}\x1b[2J\r\n\u202e\u009b`;
  const model = tiny(
    [{ ...makeNode(evil("Op"), ["x", evil("w")], [evil("y")]), domain: evil("my"), name: evil("node") }],
    { initializers: [floatTensor(evil("w"), [40], new Float32Array(40))] },
  );
  model.path = evil("path");
  model.producerName = evil("me");
  model.opsetImports.push({ domain: evil("my"), version: 1n });
  model.graph.inputs.push({ name: evil("in"), type: { tensor: { elementType: 1, shape: [evil("n")] } } });
  const other = tiny([makeNode("Relu", ["x"], ["y"])]);
  other.path = evil("other");
  for (const text of [
    inspectionText(await inspect(model, { possibilities: true }), { nodes: true, all: true }),
    inspectionText({
      ...(await inspect(model)),
      problems: [evil("p")],
      warnings: [evil("w")],
      possibilities: [
        {
          pass: "store-int8",
          calibrated: false,
          name: evil("w"),
          node: evil("node"),
          opType: evil("Op"),
          status: "kept",
          reason: evil("why"),
        },
      ],
    }),
    diffText(await diffModels(model, other)),
    diffText(await diffModels(other, model), { all: true }),
  ]) {
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(text).toContain("\\x1b[2J\\x0d\\x0a\\u{202e}\\x9b");
  }
});

it("shows two models side by side", async () => {
  const text = diffText(await diffModels(matMulModel(), matMulModel(Float32Array.of(0, 0, 3, 4))));
  expect(lines(text)).toEqual([
    "before | (in memory)",
    "after | (in memory)",
    "",
    " | before | after",
    "size | ? | ?",
    "parameters | 4 | 4",
    "bytes of parameters | 16 B | 16 B",
    "zeros | 0.0 % | 50.0 %",
    "MACs | 4 | 4",
    "activations at once | 16 B | 16 B",
    "nodes | 1 | 1",
    "IR version | 8 | 8",
    "opset ai.onnx | 17 | 17",
    "",
    "the same operators, 1 type",
    "",
    "weight | before | after | bytes | zeros | values",
    "w | float 2×2 | float 2×2 | 16 B → 16 B | 0.0 % → 50.0 % | 4 → 3",
  ]);
});
