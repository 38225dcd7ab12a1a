import { describe, expect, it } from "vitest";
import {
  attribute,
  AttributeType,
  DataType,
  emptyGraph,
  floatTensor,
  type FunctionDef,
  makeNode,
  type Model,
  type Node,
  tensorValue,
} from "../../../src/ir/index.js";
import { assertValid } from "../../../src/ir/validate.js";
import { inlineFunctions } from "../../../src/passes/graph/inline-functions.js";
import { CONTEXT, difference, floats, run } from "../../support/running.js";

const call = (
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Node["attributes"] = [],
): Node => ({ opType, domain: "own", inputs, outputs, attributes, name: `${outputs[0]}_call` });

function definition(
  name: string,
  inputs: string[],
  outputs: string[],
  nodes: Node[],
  rest: Partial<FunctionDef> = {},
): FunctionDef {
  const opsetImports = [
    { domain: "", version: 17n },
    { domain: "own", version: 1n },
  ];
  return {
    name,
    domain: "own",
    inputs,
    outputs,
    nodes,
    attributeNames: [],
    attributeDefaults: [],
    opsetImports,
    valueInfo: [],
    ...rest,
  };
}

function model(nodes: Node[], functions: FunctionDef[]): Model {
  const graph = {
    ...emptyGraph("g"),
    nodes,
    inputs: [tensorValue("x", DataType.FLOAT, [2])],
    outputs: [tensorValue("y", DataType.FLOAT, [2])],
  };
  return {
    irVersion: 8n,
    opsetImports: [
      { domain: "", version: 17n },
      { domain: "own", version: 1n },
    ],
    graph,
    functions,
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

/** Inlines and compares with onnxruntime, which inlines by itself. */
async function inlined(make: () => Model): Promise<Model> {
  const m = make();
  expect((await inlineFunctions().run(m, CONTEXT)).modified).toBe(true);
  assertValid(m, "inlined");
  m.functions = [];
  const feed = { x: floats([2], [-1, 3]) };
  expect(difference(await run(make(), feed), await run(m, feed))).toBe(0);
  return m;
}

describe("inline-functions", () => {
  it("gives every node that takes a body of the caller a copy of its own, in the names of the caller", async () => {
    const flag = { name: "c", dims: [], dataType: DataType.BOOL, raw: Uint8Array.of(1) };
    const body = {
      ...emptyGraph("body"),
      nodes: [makeNode("Add", ["t", "t"], ["r"])],
      outputs: [tensorValue("r", DataType.FLOAT)],
    };
    const chosen = (output: string): Node =>
      makeNode(
        "If",
        ["c"],
        [output],
        ["then_branch", "else_branch"].map((name) => ({
          name,
          type: AttributeType.GRAPH,
          refAttrName: "part",
        })),
      );
    // "t" of the function is not the "t" that the body takes from the caller.
    const fn = definition(
      "F",
      ["a", "c"],
      ["b"],
      [makeNode("Exp", ["a"], ["t"]), chosen("p"), chosen("q"), makeNode("Sum", ["p", "q", "t"], ["b"])],
      { attributeNames: ["part"] },
    );
    const make = (): Model => {
      const m = model(
        [
          makeNode("Neg", ["x"], ["t"]),
          call("F", ["x", "flag"], ["y"], [attribute.graph("part", structuredClone(body))]),
        ],
        [structuredClone(fn)],
      );
      m.graph.initializers = [{ ...flag, name: "flag" }];
      return m;
    };
    const m = make();
    await inlineFunctions().run(m, CONTEXT);
    assertValid(m, "inlined");
    m.functions = [];
    const bodies = m.graph.nodes.flatMap((node) => node.attributes.flatMap(({ g }) => (g ? [g] : [])));
    expect(new Set(bodies).size).toBe(4);
    expect(new Set(bodies.flatMap(({ nodes }) => nodes)).size).toBe(4);
    // exp(x) + 2 · (-x - x), worked out by hand: onnxruntime does not take bodies as attributes of functions.
    const y = await run(m, { x: floats([2], [-1, 3]) });
    const expected = [Math.exp(-1) + 4, Math.exp(3) - 12];
    expected.forEach((value, k) => expect((y.y!.data as Float32Array)[k]).toBeCloseTo(value, 5));
  });

  it(
    "stores the large constants of a function once for all calls in a graph, but one " +
      "that is handed out for each",
    async () => {
      const weight = floatTensor(
        "",
        [2, 64],
        Float32Array.from({ length: 128 }, (_, k) => k / 128),
      );
      const held = (name: string): Node =>
        makeNode("Constant", [], [name], [attribute.tensor("value", weight)]);
      const sum = makeNode("ReduceSum", ["p"], ["q"], [attribute.int("keepdims", 0)]);
      const fn = definition(
        "F",
        ["a"],
        ["b"],
        [held("w"), makeNode("MatMul", ["a", "w"], ["p"]), sum, makeNode("Mul", ["a", "q"], ["b"])],
      );
      const m = await inlined(() =>
        model([call("F", ["x"], ["s"]), call("F", ["s"], ["t"]), call("F", ["t"], ["y"])], [fn]),
      );
      expect(m.graph.nodes.filter(({ opType }) => opType === "Constant")).toHaveLength(1);
      expect(
        new Set(m.graph.nodes.filter(({ opType }) => opType === "MatMul").map(({ inputs }) => inputs[1]))
          .size,
      ).toBe(1);
      const outward = definition("G", ["a"], ["b", "w"], [held("w"), makeNode("Relu", ["a"], ["b"])]);
      const n = model([call("G", ["x"], ["s", "u"]), call("G", ["s"], ["y", "v"])], [outward]);
      await inlineFunctions().run(n, CONTEXT);
      assertValid(n, "inlined");
      expect(n.graph.nodes.filter(({ opType }) => opType === "Constant")).toHaveLength(2);
    },
  );

  it("gives each call names of its own", async () => {
    const twice = definition(
      "Twice",
      ["a"],
      ["b"],
      [makeNode("Neg", ["a"], ["t"], [], "negate"), makeNode("Sub", ["a", "t"], ["b"])],
    );
    const m = await inlined(() => model([call("Twice", ["x"], ["t"]), call("Twice", ["t"], ["y"])], [twice]));
    expect(m.graph.nodes.map((node) => node.opType)).toEqual(["Neg", "Sub", "Neg", "Sub"]);
    expect(new Set(m.graph.nodes.map((node) => node.name)).size).toBe(3);
  });

  it("follows calls within functions, and a call in a branch", async () => {
    const inner = definition("Inner", ["a"], ["b"], [makeNode("Abs", ["a"], ["b"])]);
    const outer = definition(
      "Outer",
      ["a"],
      ["b"],
      [call("Inner", ["a"], ["i"]), makeNode("Sqrt", ["i"], ["b"])],
    );
    const branch = (name: string, opType: string) => ({
      ...emptyGraph(name),
      nodes: [call(opType, ["x"], [`${name}_y`])],
      outputs: [tensorValue(`${name}_y`, DataType.FLOAT)],
    });
    await inlined(() => {
      const condition = makeNode("ReduceMax", ["x"], ["m"], [attribute.int("keepdims", 0)]);
      const choice = makeNode(
        "If",
        ["c"],
        ["y"],
        [
          attribute.graph("then_branch", branch("yes", "Outer")),
          attribute.graph("else_branch", branch("no", "Inner")),
        ],
      );
      return model(
        [condition, makeNode("Cast", ["m"], ["c"], [attribute.int("to", DataType.BOOL)]), choice],
        [inner, outer],
      );
    });
  });

  it("takes attributes from the call, and their defaults where it gives none", async () => {
    const leaky = definition(
      "Leaky",
      ["a"],
      ["b"],
      [
        makeNode(
          "LeakyRelu",
          ["a"],
          ["b"],
          [{ name: "alpha", type: AttributeType.FLOAT, refAttrName: "slope" }],
        ),
      ],
      { attributeDefaults: [attribute.float("slope", 0.5)] },
    );
    const m = await inlined(() =>
      model(
        [call("Leaky", ["x"], ["t"]), call("Leaky", ["t"], ["y"], [attribute.float("slope", 0.25)])],
        [leaky],
      ),
    );
    expect(m.graph.nodes.map((node) => node.attributes)).toEqual([
      [attribute.float("alpha", 0.5)],
      [attribute.float("alpha", 0.25)],
    ]);
  });

  it("renames what a body within a function captures and makes", async () => {
    const branch = (name: string, opType: string) => ({
      ...emptyGraph(name),
      nodes: [makeNode(opType, ["t"], ["r"])],
      outputs: [tensorValue("r", DataType.FLOAT)],
    });
    const choose = definition(
      "Choose",
      ["a", "c"],
      ["b"],
      [
        makeNode("Neg", ["a"], ["t"]),
        makeNode(
          "If",
          ["c"],
          ["b"],
          [
            attribute.graph("then_branch", branch("yes", "Abs")),
            attribute.graph("else_branch", branch("no", "Exp")),
          ],
        ),
      ],
    );
    await inlined(() =>
      model(
        [
          makeNode("ReduceMin", ["x"], ["t"], [attribute.int("keepdims", 0)]),
          makeNode("Cast", ["t"], ["c"], [attribute.int("to", DataType.BOOL)]),
          makeNode("Not", ["c"], ["n"]),
          call("Choose", ["x", "c"], ["r"]),
          call("Choose", ["r", "n"], ["y"]),
        ],
        [choose],
      ),
    );
  });

  it("hands on an input that a function gives back", async () => {
    const both = definition("Both", ["a"], ["a", "b"], [makeNode("Neg", ["a"], ["b"])]);
    const m = model([call("Both", ["x"], ["p", "q"]), makeNode("Mul", ["p", "q"], ["y"])], [both]);
    await inlineFunctions().run(m, CONTEXT);
    expect(m.graph.nodes.map(({ opType, inputs, outputs }) => [opType, ...inputs, ...outputs])).toEqual([
      ["Neg", "x", "q"],
      ["Identity", "x", "p"],
      ["Mul", "p", "q", "y"],
    ]);
  });

  it.each([
    [
      "of another operator set",
      [
        definition("F", ["a"], ["b"], [makeNode("Neg", ["a"], ["b"])], {
          opsetImports: [{ domain: "", version: 11n }],
        }),
      ],
    ],
    [
      "that call themselves",
      [
        definition("F", ["a"], ["b"], [call("G", ["a"], ["b"])]),
        definition("G", ["a"], ["b"], [call("F", ["a"], ["b"])]),
      ],
    ],
    // Each calls the one before it twice: 2^40 nodes.
    [
      "that would fill the memory",
      Array.from({ length: 41 }, (_, k) =>
        definition(
          k === 40 ? "F" : `F${k}`,
          ["a"],
          ["b"],
          k === 0
            ? [makeNode("Neg", ["a"], ["b"])]
            : [call(`F${k - 1}`, ["a"], ["t"]), call(`F${k - 1}`, ["t"], ["b"])],
        ),
      ),
    ],
  ])("leaves functions %s", async (_, functions) => {
    const m = model([call("F", ["x"], ["y"])], functions);
    expect((await inlineFunctions().run(m, CONTEXT)).modified).toBe(false);
    expect(m.graph.nodes.map((node) => node.opType)).toEqual(["F"]);
  });

  it.each(["", "ai.onnx"])(
    "leaves functions that bring other versions of a set the model lacks (%j)",
    async (other) => {
      const sets = (domain: string, version: bigint) => ({ opsetImports: [{ domain, version }] });
      const old = definition("Old", ["a"], ["b"], [makeNode("Softmax", ["a"], ["b"])], sets("", 11n));
      const recent = definition(
        "Recent",
        ["a"],
        ["b"],
        [makeNode("Softmax", ["a"], ["b"])],
        sets(other, 13n),
      );
      const m = model([call("Old", ["x"], ["t"]), call("Recent", ["t"], ["y"])], [old, recent]);
      m.opsetImports = [{ domain: "own", version: 1n }];
      expect((await inlineFunctions().run(m, CONTEXT)).modified).toBe(false);
    },
  );

  it("inlines calls of calls, but none that end in themselves", async () => {
    const leaf = definition("F0", ["a"], ["b"], [makeNode("Relu", ["a"], ["b"])]);
    const chain = Array.from({ length: 50 }, (_, k) =>
      definition(`F${k + 1}`, ["a"], ["b"], [call(`F${k}`, ["a"], ["b"])]),
    );
    const endless = [
      definition("Ping", ["a"], ["b"], [call("Pong", ["a"], ["b"])]),
      definition("Pong", ["a"], ["b"], [call("Ping", ["a"], ["b"])]),
    ];
    const m = model(
      [call("F50", ["x"], ["t"]), call("Ping", ["t"], ["y"])],
      [...chain.reverse(), leaf, ...endless],
    );
    expect((await inlineFunctions().run(m, CONTEXT)).stats.callsInlined).toBe(51);
    expect(m.graph.nodes.map(({ opType }) => opType)).toEqual(["Relu", "Ping"]);
  });
});
