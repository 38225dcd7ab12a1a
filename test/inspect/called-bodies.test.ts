import { expect, it } from "vitest";
import { attribute, copyModel, makeNode, type FunctionDef, type Node } from "../../src/ir/index.js";
import { expandCalls } from "../../src/inspect/prepared-model.js";
import { tiny } from "../support/tiny-models.js";

const call = (
  name: string,
  inputs: string[],
  outputs: string[],
  ...attributes: Node["attributes"]
): Node => ({ ...makeNode(name, inputs, outputs, attributes), domain: "my" });
const fn = (name: string, nodes: Node[], parts: Partial<FunctionDef> = {}): FunctionDef => ({
  name,
  domain: "my",
  inputs: ["a"],
  outputs: ["b"],
  attributeNames: [],
  attributeDefaults: [],
  nodes,
  opsetImports: [],
  valueInfo: [],
  ...parts,
});
const shown = (nodes: readonly Node[]): string[] =>
  nodes.map(({ opType, inputs, outputs }) => `${outputs.join()} = ${opType}(${inputs.join()})`);

it("replaces each call by a body with new names", () => {
  const model = tiny([call("Twice", ["x"], ["m"]), call("Twice", ["m"], ["y"])]);
  model.functions = [fn("Twice", [makeNode("Add", ["a", "a"], ["t"]), makeNode("Relu", ["t"], ["b"])])];
  const calls = [...model.graph.nodes];
  const origins = expandCalls(model);
  expect(shown(model.graph.nodes)).toEqual([
    "Twice#0/t = Add(x,x)",
    "m = Relu(Twice#0/t)",
    "Twice#1/t = Add(m,m)",
    "y = Relu(Twice#1/t)",
  ]);
  expect(model.graph.nodes.map((node) => origins.get(node))).toEqual([
    calls[0],
    calls[0],
    calls[1],
    calls[1],
  ]);
});

it("gives attributes that refer to the call the call's value, or the default", () => {
  const body = [
    {
      ...makeNode("Gemm", ["a", "a"], ["b"]),
      attributes: [
        { name: "transA", type: 2, refAttrName: "t" },
        { name: "alpha", type: 1, refAttrName: "scale" },
      ],
    },
  ];
  const model = tiny([call("F", ["x"], ["y"], attribute.int("t", 1))]);
  model.functions = [
    fn("F", body, { attributeNames: ["t"], attributeDefaults: [attribute.float("scale", 2)] }),
  ];
  expandCalls(model);
  expect(model.graph.nodes[0]?.attributes).toMatchObject([
    { name: "transA", i: 1n },
    { name: "alpha", f: 2 },
  ]);
});

it("inlines functions that functions call, and stops at one that calls itself", () => {
  const model = tiny([call("Outer", ["x"], ["y"])]);
  model.functions = [
    fn("Outer", [call("Inner", ["a"], ["b"])]),
    fn("Inner", [makeNode("Relu", ["a"], ["b"])]),
  ];
  expandCalls(model);
  expect(shown(model.graph.nodes)).toEqual(["y = Relu(x)"]);
  const endless = tiny([call("Loop", ["x"], ["y"])]);
  endless.functions = [fn("Loop", [call("Loop", ["a"], ["t"]), call("Loop", ["t"], ["b"])])];
  const before = copyModel(endless).functions;
  expandCalls(endless);
  expect(endless.graph.nodes.length).toBeLessThan(150_000);
  expect(endless.functions).toEqual(before);
});
