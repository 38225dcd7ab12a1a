import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatToHalf,
  getAttribute,
  type Graph,
  halfToFloat,
  integerTensor,
  makeNode,
  type Model,
  type Node,
  tensorValue,
  type Tensor,
} from "../../../src/ir/index.js";
import { assertValid } from "../../../src/ir/validate.js";
import { widenHalf } from "../../../src/passes/graph/widen-half.js";
import { CONTEXT, run, seededFloats } from "../../support/running.js";

const half = (name: string, dims: number[], values: ArrayLike<number>): Tensor =>
  integerTensor(name, dims, DataType.FLOAT16, Uint16Array.from(Array.from(values, floatToHalf)));

function model(nodes: Node[], initializers: Tensor[], graphParts: Partial<Graph> = {}): Model {
  const graph = {
    ...emptyGraph("g"),
    nodes,
    initializers,
    inputs: [tensorValue("x", DataType.FLOAT16, [1, 4])],
    outputs: [tensorValue("y", DataType.FLOAT16, [1, 3])],
    ...graphParts,
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

const FEED = {
  x: { dataType: DataType.FLOAT16, dims: [1, 4], data: Uint16Array.from(seededFloats(4, 3), floatToHalf) },
};

const numbers = async (m: Model): Promise<number[]> =>
  Array.from((await run(m, FEED)).y!.data as Uint16Array, halfToFloat);

async function widened(make: () => Model): Promise<Model> {
  const m = make();
  expect((await widenHalf().run(m, CONTEXT)).modified).toBe(true);
  assertValid(m, "widened");
  const [before, after] = [await numbers(make()), await numbers(m)];
  // Half precision has eleven bits.
  before.forEach((value, k) => expect(after[k]).toBeCloseTo(value, 2));
  return m;
}

const dense = (): Model =>
  model(
    [makeNode("MatMul", ["x", "w"], ["m"]), makeNode("Add", ["m", "b"], ["y"])],
    [half("w", [4, 3], seededFloats(12)), half("b", [3], [1, 2, 3])],
  );

describe("widen-half", () => {
  it("computes in float and keeps the types of inputs and outputs", async () => {
    const m = await widened(dense);
    expect(m.graph.nodes.map((node) => node.opType)).toEqual(["Cast", "MatMul", "Add", "Cast"]);
    expect(m.graph.initializers.map(({ dataType }) => dataType)).toEqual([DataType.FLOAT, DataType.FLOAT]);
    expect([...m.graph.inputs, ...m.graph.outputs].map(({ type }) => type?.tensor?.elementType)).toEqual([
      DataType.FLOAT16,
      DataType.FLOAT16,
    ]);
  });

  it("follows types into attributes and bodies", async () => {
    const branch = (name: string): Graph => ({
      ...emptyGraph(name),
      nodes: [makeNode("MatMul", ["x", "w"], [name])],
      initializers: [half("w", [4, 3], seededFloats(12))],
      outputs: [tensorValue(name, DataType.FLOAT16, [1, 3])],
    });
    const m = await widened(() =>
      model(
        [
          makeNode("Shape", ["x"], ["s"]),
          makeNode("ReduceSum", ["s"], ["n"], [attribute.int("keepdims", 0)]),
          makeNode("Cast", ["n"], ["c"], [attribute.int("to", DataType.BOOL)]),
          makeNode(
            "If",
            ["c"],
            ["i"],
            [attribute.graph("then_branch", branch("yes")), attribute.graph("else_branch", branch("no"))],
          ),
          makeNode("ConstantOfShape", ["three"], ["k"], [attribute.tensor("value", half("", [1], [2]))]),
          makeNode("Cast", ["n"], ["f"], [attribute.int("to", DataType.FLOAT16)]),
          makeNode("Mul", ["i", "k"], ["p"]),
          makeNode("Sub", ["p", "f"], ["y"]),
        ],
        [integerTensor("three", [1], DataType.INT64, BigInt64Array.of(3n))],
      ),
    );
    const casts = m.graph.nodes
      .filter((node) => node.opType === "Cast")
      .map((node) => Number(getAttribute(node, "to")?.i));
    expect(casts).toEqual([DataType.FLOAT, DataType.BOOL, DataType.FLOAT, DataType.FLOAT16]);
  });

  it("keeps the type of an output that declares none", async () => {
    const untyped = (): Model =>
      model(dense().graph.nodes, dense().graph.initializers, { outputs: [{ name: "y" }] });
    const m = untyped();
    await widenHalf().run(m, CONTEXT);
    expect((await run(m, FEED)).y!.dataType).toBe(DataType.FLOAT16);
  });

  it("uses an output inside the graph as float too", async () => {
    await widened(() =>
      model(
        [makeNode("MatMul", ["x", "w"], ["y"]), makeNode("Relu", ["y"], ["z"])],
        [half("w", [4, 3], seededFloats(12))],
        { outputs: [tensorValue("y", DataType.FLOAT16, [1, 3]), tensorValue("z", DataType.FLOAT16, [1, 3])] },
      ),
    );
  });

  it("leaves float models alone, and says why it leaves one with custom operators", async () => {
    expect(
      (
        await widenHalf().run(
          model([makeNode("Relu", ["x"], ["y"])], [], {
            inputs: [tensorValue("x", DataType.FLOAT)],
            outputs: [tensorValue("y", DataType.FLOAT)],
          }),
          CONTEXT,
        )
      ).modified,
    ).toBe(false);
    const custom = model(
      [{ ...makeNode("Mystery", ["x", "w"], ["y"]), domain: "acme" }],
      [half("w", [1], [1])],
    );
    const { modified, diagnostics } = await widenHalf().run(custom, CONTEXT);
    expect(modified).toBe(false);
    expect(diagnostics[0]?.message).toContain('node "y" is the custom operator acme.Mystery');
  });
});
