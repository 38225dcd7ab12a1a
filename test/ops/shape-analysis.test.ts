/** Inferred sizes against what onnxruntime really makes. */
import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  GraphEditor,
  int64Tensor,
  integerTensor,
  makeNode,
  type Dimension,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { decodeModel, decodeTensor } from "../../src/onnx/index.js";
import { analyzeShapes } from "../../src/ops/shape-analysis.js";
import { analyzeModel } from "../support/analyze-model.js";
import { inferScopes } from "../../src/ops/shapes.js";
import { operatorTests } from "../support/operator-archive.js";
import { Random } from "../support/random.js";
import { floats, int64s, run } from "../support/running.js";
import { tiny, type Parts } from "../support/tiny-models.js";

function contradicts(shape: readonly Dimension[], dims: readonly number[]): boolean {
  return shape.length !== dims.length || shape.some((dim, k) => typeof dim === "number" && dim !== dims[k]);
}

it("contradicts no output of the official operator tests, without their declarations", () => {
  const wrong: string[] = [];
  let exact = 0;
  for (const test of operatorTests()) {
    const model = decodeModel(test.model);
    model.graph.valueInfo = [];
    const facts = analyzeModel(model);
    model.graph.outputs.forEach(({ name, type }, k) => {
      const bytes = test.dataSets[0]?.outputs[k];
      const found = facts.type(name);
      if (!type?.tensor || !bytes || !found?.shape) return;
      const { dims, dataType } = decodeTensor(bytes);
      if (contradicts(found.shape, dims) || found.elementType !== dataType)
        wrong.push(
          `${test.name}: ${found.elementType} ${JSON.stringify(found.shape)} for ${dataType} [${dims.join()}]`,
        );
      else if (found.shape.every((dim) => typeof dim === "number")) exact++;
    });
  }
  expect(wrong).toEqual([]);
  expect(exact).toBeGreaterThan(1000);
});

it("gives a value of a body without a type none by the name of an outer one", () => {
  const body = {
    ...emptyGraph("b"),
    inputs: [{ name: "x" }],
    nodes: [{ ...makeNode("Unknown", ["x"], ["r"]), domain: "custom" }],
    outputs: [{ name: "r" }],
  };
  const model = tiny([
    makeNode("Relu", ["x"], ["r"]),
    makeNode("Custom", ["r"], ["y"], [attribute.graph("body", body)]),
  ]);
  const editors = GraphEditor.forModel(model);
  const [facts, types] = [analyzeShapes(editors).get(editors[1]!), inferScopes(editors).get(editors[1]!)];
  for (const name of ["x", "r"])
    expect([facts?.type(name), types?.get(name)]).toEqual([undefined, undefined]);
});

/** What is known of the sizes of `name`: numbers, and "?" for any other. */
function sizesOf(
  name: string,
  nodes: Node[],
  parts: Parts,
  unknown: readonly string[] = [],
): (number | "?")[] | undefined {
  const model: Model = tiny(nodes, parts);
  for (const input of model.graph.inputs)
    if (unknown.includes(input.name))
      input.type = {
        tensor: { elementType: DataType.FLOAT, shape: input.type!.tensor!.shape!.map(() => undefined) },
      };
  return analyzeModel(model)
    .shape(name)
    ?.map((dim) => (typeof dim === "number" ? dim : "?"));
}

it("knows what a Pad and a Slice leave alone when one of their axes is computed", () => {
  const axes = makeNode("Concat", ["one", "k"], ["axes"], [attribute.int("axis", 0)]);
  const feed = { x: floats([2, 3, 4]), k: int64s([1], [0]) };
  const one = int64Tensor("one", [1]);
  const pad = makeNode("Pad", ["x", "pads", "", "axes"], ["y"]);
  expect(sizesOf("y", [axes, pad], { feed, initializers: [one, int64Tensor("pads", [1, 2, 1, 0])] })).toEqual(
    ["?", 5, "?"],
  );
  expect(sizesOf("y", [axes, pad], { feed, initializers: [one, int64Tensor("pads", [1, 0, 1, 0])] })).toEqual(
    [2, 5, 4],
  );
  const slice = makeNode("Slice", ["x", "from", "to", "axes"], ["y"]);
  expect(
    sizesOf("y", [axes, slice], {
      feed,
      initializers: [one, int64Tensor("from", [0, 0]), int64Tensor("to", [1, 1])],
    }),
  ).toEqual(["?", "?", "?"]);
});

it("takes the largest int64, which exporters write for the end of an axis, for just that", () => {
  const feed = { x: floats([2, 3, 4]) };
  const initializers = [
    int64Tensor("from", [0, 1]),
    int64Tensor("axes", [0, 2]),
    int64Tensor("one", [1]),
    integerTensor("to", [2], DataType.INT64, BigInt64Array.of(2n ** 63n - 1n, 2n ** 63n - 1n)),
    integerTensor("end", [1], DataType.INT64, BigInt64Array.of(2n ** 63n - 1n)),
  ];
  const slice = makeNode("Slice", ["x", "from", "to", "axes"], ["y"]);
  expect(sizesOf("y", [slice], { feed, initializers })).toEqual([2, 3, 3]);
  // numpy: x.shape[1:] is (3, 4).
  const tail = [
    makeNode("Shape", ["x"], ["s"]),
    makeNode("Slice", ["s", "one", "end"], ["t"]),
    makeNode("ConstantOfShape", ["t"], ["y"]),
  ];
  expect(sizesOf("y", tail, { feed, initializers })).toEqual([3, 4]);
});

it("knows of random slices, with bounds as large as int64 has them, what onnxruntime makes", async () => {
  const far = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n - 1n, -(2n ** 53n) - 1n];
  for (let seed = 1; seed <= 80; seed++) {
    const random = new Random(seed);
    const feed = { x: floats([random.within(1, 5), random.within(1, 5), random.within(1, 5)]) };
    const bound = (): bigint => (random.chance(0.4) ? random.pick(far) : BigInt(random.within(-6, 6)));
    const slices = random
      .shuffled([0, 1, -1])
      .slice(0, random.within(1, 3))
      .map((axis) => ({
        axis: BigInt(axis),
        from: bound(),
        to: bound(),
        steps: random.pick([1n, 1n, 2n, -1n, -2n]),
      }));
    const list = (name: "axis" | "from" | "to" | "steps"): Tensor =>
      integerTensor(
        name,
        [slices.length],
        DataType.INT64,
        BigInt64Array.from(slices, (each) => each[name]),
      );
    const initializers = [list("from"), list("to"), list("axis"), list("steps")];
    const nodes = [makeNode("Slice", ["x", "from", "to", "axis", "steps"], ["y"])];
    const { y } = await run(tiny(nodes, { feed, initializers }), feed);
    // The largest integers are no ends of a step backward that all runtimes agree on.
    const isOpen = (axis: number): boolean =>
      slices.some(
        ({ axis: at, to, steps }) => Number(at + 3n) % 3 === axis && steps < 0n && to >= 2n ** 31n - 1n,
      );
    const expected = y!.dims.map((size, axis) => (isOpen(axis) ? "?" : size));
    expect(sizesOf("y", nodes, { feed, initializers }), `seed ${seed}`).toEqual(expected);
  }
});
