import { describe, expect, it } from "vitest";
import {
  assertValid,
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  tensorValue,
  validateModel,
} from "../../src/ir/index.js";
import type { Attribute, FunctionDef, Graph, Model, Node, Tensor } from "../../src/ir/index.js";

const x = tensorValue("x", DataType.FLOAT, [2]);

function modelOf(nodes: Node[], graph: Partial<Graph> = {}, rest: Partial<Model> = {}): Model {
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph: { ...emptyGraph("g"), inputs: [x], nodes, ...graph },
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    ...rest,
  };
}

const problems = (...model: Parameters<typeof modelOf>): string[] =>
  validateModel(modelOf(...model)).map((problem) => problem.message);
const relu = (from: string, to: string): Node => makeNode("Relu", [from], [to]);
const body = (nodes: Node[], graph: Partial<Graph> = {}): Attribute =>
  attribute.graph("body", { ...emptyGraph("b"), nodes, ...graph });
const loop = (...bodies: Attribute[]): Node => makeNode("Loop", [], ["l"], bodies);

describe("names", () => {
  it("takes a sound model", () => {
    expect(
      problems([relu("x", "y"), makeNode("Add", ["y", "w"], ["z"])], {
        initializers: [floatTensor("w", [2], new Float32Array(2))],
        outputs: [tensorValue("z", 1)],
      }),
    ).toEqual([]);
  });

  it("finds uses before the maker, in the words of the node", () => {
    expect(problems([makeNode("Relu", ["b"], ["a"], [], "first"), relu("x", "b")])).toEqual([
      'node "first" (Relu) uses "b" before it is defined',
    ]);
  });

  it("finds names made twice by nodes, inputs and constants", () => {
    expect(problems([relu("x", "y"), relu("x", "y")])).toEqual([
      'output "y" of node "y" has a name that is already in use',
    ]);
    expect(problems([relu("x", "x")])).toEqual(['output "x" of node "x" has a name that is already in use']);
    expect(problems([], { inputs: [x, x] })).toEqual(['graph input "x" has a name that is already in use']);
    const w = floatTensor("w", [1], new Float32Array(1));
    expect(problems([], { initializers: [w, w] })).toEqual(['initializer "w" appears twice']);
    expect(problems([], { initializers: [{ ...w, name: "" }] })).toEqual(["an initializer has no name"]);
  });

  it("takes a constant that is listed as an input, as files before IR version 4 do", () => {
    expect(
      problems([relu("x", "y")], { initializers: [floatTensor("x", [2], new Float32Array(2))] }),
    ).toEqual([]);
  });

  it("finds outputs that nothing makes", () => {
    expect(problems([], { outputs: [tensorValue("y", 1)] })).toEqual([
      'graph output "y" is not produced by any node',
    ]);
  });

  it("takes left-out inputs and outputs", () => {
    expect(problems([makeNode("Clip", ["x", "", ""], ["y", ""])])).toEqual([]);
  });
});

describe("bodies", () => {
  it("may capture what was made before their node, and no more", () => {
    expect(problems([relu("x", "a"), loop(body([relu("a", "b")]))])).toEqual([]);
    expect(problems([loop(body([relu("a", "b")])), relu("x", "a")])).toEqual([
      'node "b" (Relu) uses "a" before it is defined',
    ]);
    expect(problems([loop(body([relu("x", "b")])), relu("b", "c")])).toEqual([
      'node "c" (Relu) uses "b" before it is defined',
    ]);
    expect(problems([loop(body([], { outputs: [tensorValue("x", 1)] }))])).toEqual([]);
  });

  // onnx.checker and onnxruntime agree on these three.
  it(
    "may not make a name again that is known around them, but may bear it as an input, " +
      "and share it with a sibling",
    () => {
      expect(problems([relu("x", "a"), loop(body([relu("x", "a")]))])).toEqual([
        'output "a" of node "a" has a name that is already in use',
      ]);
      expect(problems([relu("x", "a"), loop(body([], { inputs: [tensorValue("a", 1)] }))])).toEqual([]);
      expect(
        problems([
          makeNode(
            "If",
            ["x"],
            ["y"],
            [
              { ...body([relu("x", "z")]), name: "then_branch" },
              { ...body([relu("x", "z")]), name: "else_branch" },
            ],
          ),
        ]),
      ).toEqual([]);
    },
  );

  it("are checked in time that does not multiply with what is around them", () => {
    const names = Array.from({ length: 20_000 }, (_, k) => relu("x", `v${k}`));
    const loops = Array.from({ length: 2000 }, (_, k) =>
      makeNode("Loop", [], [`l${k}`], [body([relu("v0", `b${k}`)])]),
    );
    expect(problems([...names, ...loops])).toEqual([]);
  });
});

describe("operator sets", () => {
  it("must be imported, by the model and by each function for itself", () => {
    const custom = { ...makeNode("Gelu", ["x"], ["y"]), domain: "com.microsoft" };
    expect(problems([custom])).toEqual(['no version is imported for the operator set "com.microsoft"']);
    const fn: FunctionDef = {
      name: "Gelu",
      domain: "com.microsoft",
      inputs: ["a"],
      outputs: ["b"],
      attributeNames: [],
      attributeDefaults: [],
      nodes: [relu("a", "b")],
      opsetImports: [],
      valueInfo: [],
    };
    expect(problems([custom], {}, { functions: [fn] })).toEqual([
      'no version is imported for the operator set "ai.onnx"',
    ]);
    expect(
      problems([custom], {}, { functions: [{ ...fn, opsetImports: [{ domain: "ai.onnx", version: 17n }] }] }),
    ).toEqual([]);
  });

  it("finds what a function does not make, and nodes without an operator", () => {
    const fn: FunctionDef = {
      name: "f",
      inputs: ["a"],
      outputs: ["b"],
      attributeNames: [],
      attributeDefaults: [],
      nodes: [],
      opsetImports: [],
      valueInfo: [],
    };
    expect(problems([], {}, { functions: [fn] })).toEqual([
      'output "b" of function "f" is not produced by any node',
    ]);
    expect(problems([makeNode("", ["x"], ["y"])])).toEqual(['node "y" has no operator type']);
  });
});

describe("constants", () => {
  const fault = (tensor: Tensor): string[] => problems([], { initializers: [{ name: "w", ...tensor }] });

  it("must fill their shape, in bytes or in list entries", () => {
    expect(fault({ dims: [3], dataType: DataType.FLOAT, raw: new Uint8Array(8) })).toEqual([
      'tensor "w" (float [3]) holds 8 bytes where 12 are needed',
    ]);
    expect(fault({ dims: [3], dataType: DataType.INT32, typed: { int32: [1, 2] } })).toEqual([
      'tensor "w" (int32 [3]) holds 2 values where 3 are needed',
    ]);
    expect(fault({ dims: [3], dataType: DataType.FLOAT })).toEqual([
      'tensor "w" (float [3]) holds 0 values where 3 are needed',
    ]);
    expect(fault({ dims: [0], dataType: DataType.FLOAT })).toEqual([]);
    expect(fault({ dims: [3], dataType: DataType.INT4, raw: new Uint8Array(2) })).toEqual([]);
    expect(fault({ dims: [3], dataType: DataType.UINT4, typed: { int32: [0x21, 0x03] } })).toEqual([]);
    expect(fault({ dims: [2], dataType: DataType.COMPLEX64, typed: { float: [1, 0, 0, 1] } })).toEqual([]);
    expect(fault({ dims: [2], dataType: 99, raw: new Uint8Array(3) })).toEqual([]);
  });

  it("are checked by their stated length when they lie in another file, which is not opened", () => {
    const load = (): never => {
      throw new Error("opened");
    };
    const external = { location: "w.bin", offset: 0, length: 8, load };
    expect(fault({ dims: [2], dataType: DataType.FLOAT, external })).toEqual([]);
    expect(fault({ dims: [3], dataType: DataType.FLOAT, external })).toEqual([
      'tensor "w" (float [3]) holds 8 bytes where 12 are needed',
    ]);
  });

  it("must have a size that exists", () => {
    expect(fault({ dims: [-1], dataType: DataType.FLOAT })).toEqual([
      'tensor "w" has an invalid dimension -1',
    ]);
    expect(fault({ dims: [2 ** 30, 2 ** 30], dataType: DataType.FLOAT })).toEqual([
      'tensor "w" has more elements than can be addressed',
    ]);
  });
});

describe("attributes", () => {
  const fault = (a: Attribute): string[] => problems([makeNode("Op", ["x"], ["y"], [a], "n")]);

  it("hold the kind of value that they state", () => {
    expect(fault({ name: "k", type: 2, f: 1 })).toEqual([
      'node "n" (Op): attribute "k" states the kind INT but holds a value of the kind FLOAT',
    ]);
    expect(fault({ name: "k", type: 77 })).toEqual(['node "n" (Op): attribute "k" has the unknown kind 77']);
    expect(fault({ name: "k", type: 4 })).toEqual([
      'node "n" (Op): attribute "k" of the kind TENSOR has no value',
    ]);
    expect(fault({ name: "k", f: 1, i: 1n })).toEqual([
      'node "n" (Op): attribute "k" holds values of the kinds FLOAT and INT',
    ]);
    expect(fault({ name: "", type: 2, i: 1n })).toEqual(['node "n" (Op): an attribute has no name']);
  });

  it("may leave out zero, and their kind in old files, and refer to a function's attribute", () => {
    for (const sound of [
      { name: "k", type: 2 },
      { name: "k", i: 1n },
      { name: "k", type: 4, refAttrName: "a" },
      { name: "k", type: 7 },
    ])
      expect(fault(sound)).toEqual([]);
  });

  it("hold sound constants", () => {
    expect(
      fault(attribute.tensor("value", { dims: [2], dataType: DataType.FLOAT, raw: new Uint8Array(1) })),
    ).toEqual(['node "n" (Op): attribute "value": tensor "" (float [2]) holds 1 bytes where 8 are needed']);
  });
});

it("throws the first three problems after the context", () => {
  const unsound = modelOf(["a", "b", "c", "d", "e"].map((name) => relu(`no ${name}`, name)));
  expect(() => assertValid(unsound, 'after the pass "fuse"')).toThrow(
    'after the pass "fuse": node "a" (Relu) uses "no a" before it is defined; node ' +
      '"b" (Relu) uses "no b" before it is defined; ' +
      'node "c" (Relu) uses "no c" before it is defined; and 2 more',
  );
  expect(() => assertValid(modelOf([]), "read")).not.toThrow();
});

it("stops collecting at a thousand problems", () => {
  expect(problems(Array.from({ length: 5000 }, (_, k) => relu("none", `y${k}`)))).toHaveLength(1000);
});
