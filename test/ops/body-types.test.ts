/**
 * Types of what If, Loop and Scan give: what is expected of them, and that onnxruntime makes nothing else.
 */
import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  makeNode,
  tensorValue,
  type Attribute,
  type Feed,
  type Graph,
  type Node,
  type Tensor,
  type ValueInfo,
} from "../../src/ir/index.js";
import { analyzeModel } from "../support/analyze-model.js";
import { floats, int64s, run } from "../support/running.js";
import { branch, FLAG, tiny, type Parts } from "../support/tiny-models.js";

const op = makeNode;
const { int, ints } = attribute;
const TRUE: Tensor = { name: "true", dims: [], dataType: DataType.BOOL, raw: Uint8Array.of(1) };
const FLOAT = DataType.FLOAT;

type Sizes = (number | "?")[] | undefined;

/**
 * Known sizes of each output, "?" for others, undefined for an unknown rank; having seen that a run makes
 * no other ones.
 */
async function sizes(nodes: Node[], parts: Parts): Promise<Sizes[]> {
  const model = tiny(nodes, parts);
  const facts = analyzeModel(model);
  const found = model.graph.outputs.map(({ name }) =>
    facts.shape(name)?.map((dim) => (typeof dim === "number" ? dim : ("?" as const))),
  );
  const made = await run(model, parts.feed!);
  for (const [k, { name }] of model.graph.outputs.entries()) {
    const { dims, dataType } = made[name]!;
    expect(facts.type(name)?.elementType).toBe(dataType);
    found[k]?.forEach((size, at) => {
      if (size !== "?") expect(size).toBe(dims[at]);
    });
    if (found[k]) expect(found[k]).toHaveLength(dims.length);
  }
  return found;
}

function body(
  inputs: ValueInfo[],
  nodes: Node[],
  outputs: ValueInfo[],
  initializers: Tensor[] = [],
): Attribute {
  const graph: Graph = { ...emptyGraph("body"), inputs, nodes, outputs, initializers };
  return attribute.graph("body", graph);
}

const counters = [tensorValue("i", DataType.INT64, []), tensorValue("go", DataType.BOOL, [])];
const kept = op("Identity", ["go"], ["goes"]);
const goes = tensorValue("goes", DataType.BOOL, []);
const value = (name: string): ValueInfo => tensorValue(name, FLOAT);
const trips = int64Tensor("trips", [3], []);
const feed: Feed = { x: floats([2, 3]) };

/** A loop over "s" from x, with what is made of it in a turn. */
function loop(
  nodes: Node[],
  outputs: string[],
  to = outputs.map((_, k) => `y${k}`),
  inputs = ["trips", "true", "x"],
  initializers: Tensor[] = [],
): Node {
  return op("Loop", inputs, to, [
    body([...counters, value("s")], [kept, ...nodes], [goes, ...outputs.map(value)], initializers),
  ]);
}

describe("a Loop", () => {
  it("keeps the shape that a turn keeps, and stacks what turns make", async () => {
    expect(
      await sizes(
        [
          loop(
            [
              op("Relu", ["s"], ["t"]),
              op("ReduceSum", ["t"], ["u"], [int("keepdims", 0)]),
              op("Transpose", ["t"], ["v"], [ints("perm", [1, 0])]),
            ],
            ["t", "u", "v"],
          ),
        ],
        { feed, initializers: [trips, TRUE] },
      ),
    ).toEqual([[2, 3], [3], [3, 3, 2]]);
  });

  it("forgets a size that a turn changes, and what follows from it", async () => {
    const grown = [op("Concat", ["s", "s"], ["t"], [int("axis", 0)]), op("ReduceSum", ["t", "last"], ["u"])];
    expect(
      await sizes([loop(grown, ["t"])], { feed, initializers: [trips, TRUE, int64Tensor("last", [1])] }),
    ).toEqual([["?", 3]]);
    const swapped = [op("Transpose", ["s"], ["t"], [ints("perm", [1, 0])])];
    expect(await sizes([loop(swapped, ["t"])], { feed, initializers: [trips, TRUE] })).toEqual([["?", "?"]]);
    const flatter = [op("ReduceSum", ["s", "first"], ["t"])];
    expect(
      await sizes([loop(flatter, ["t"])], { feed, initializers: [trips, TRUE, int64Tensor("first", [0])] }),
    ).toEqual([["?", 3]]);
  });

  it("hands a changed size on from one state to the next", async () => {
    const nodes = [
      kept,
      op("Concat", ["a", "x"], ["ta"], [int("axis", 0)]),
      op("Relu", ["a"], ["tb"]),
      op("Relu", ["b"], ["tc"]),
    ];
    const node = op(
      "Loop",
      ["trips", "true", "x", "x", "x"],
      ["y0", "y1", "y2"],
      [
        body([...counters, value("a"), value("b"), value("c")], nodes, [
          goes,
          ...["ta", "tb", "tc"].map(value),
        ]),
      ],
    );
    expect(await sizes([node], { feed, initializers: [trips, TRUE] })).toEqual([
      ["?", 3],
      ["?", 3],
      ["?", 3],
    ]);
  });

  it("gives up on the rank that a turn changes", async () => {
    expect(
      await sizes([loop([op("Unsqueeze", ["s", "first"], ["t"])], ["t"])], {
        feed,
        initializers: [trips, TRUE, int64Tensor("first", [0])],
      }),
    ).toEqual([undefined]);
  });

  it("may end early or not begin, and then stacks nothing that is known", async () => {
    const turn = [op("Relu", ["s"], ["t"]), op("Neg", ["s"], ["u"])];
    const shown = (inputs: string[], more: Feed = {}): Promise<Sizes[]> =>
      sizes([loop(turn, ["t", "u"], ["y0", "y1"], inputs)], {
        feed: { ...feed, ...more },
        initializers: [trips, TRUE].filter(({ name }) => inputs.includes(name!)),
      });
    expect(await shown(["n", "true", "x"], { n: int64s([], [0]) })).toEqual([[2, 3], undefined]);
    expect(await shown(["trips", "c", "x"], FLAG)).toEqual([[2, 3], undefined]);
    expect(await shown(["trips", "", "x"])).toEqual([
      [2, 3],
      [3, 2, 3],
    ]);
    const stops = op("Less", ["i", "one"], ["goes"]);
    const node = op(
      "Loop",
      ["trips", "true", "x"],
      ["y0", "y1"],
      [body([...counters, value("s")], [stops, ...turn], [goes, value("t"), value("u")])],
    );
    expect(await sizes([node], { feed, initializers: [trips, TRUE, int64Tensor("one", [1], [])] })).toEqual([
      [2, 3],
      ["?", 2, 3],
    ]);
  });

  it("keeps sizes that its turns make to itself", async () => {
    const nodes = [
      op("Greater", ["s", "half"], ["p"]),
      op("NonZero", ["p"], ["z"]),
      op("Relu", ["s"], ["t"]),
    ];
    const outputs = [goes, value("t"), tensorValue("z", DataType.INT64)];
    const node = op(
      "Loop",
      ["trips", "true", "x"],
      ["y0", "y1"],
      [body([...counters, value("s")], [kept, ...nodes], outputs)],
    );
    expect(
      await sizes([node], {
        feed,
        initializers: [trips, TRUE, floatTensor("half", [], Float32Array.of(0.5))],
      }),
    ).toEqual([
      [2, 3],
      [3, 2, "?"],
    ]);
  });

  it("is looked at a bounded number of times when nested deep", () => {
    let node = loop([op("Concat", ["s", "x"], ["t"], [int("axis", 0)])], ["t"], ["y0"]);
    for (let k = 0; k < 40; k++)
      node = op(
        "Loop",
        ["trips", "true", "x"],
        [`z${k}`],
        [
          body(
            [...counters, value(`s${k}`)],
            [kept, node, op("Concat", [`s${k}`, node.outputs[0]!], [`t${k}`], [int("axis", 0)])],
            [goes, value(`t${k}`)],
          ),
        ],
      );
    // Four turns in each of 41 loops would be 4^41 looks.
    expect(analyzeModel(tiny([node], { feed, initializers: [trips, TRUE] })).type("z39")?.elementType).toBe(
      FLOAT,
    );
  });
});

describe("a Scan", () => {
  it("goes along any axis and stacks along any axis", async () => {
    const turn = [op("Add", ["s", "e"], ["t"]), op("Unsqueeze", ["t", "last"], ["u"])];
    const node = op(
      "Scan",
      ["start", "x"],
      ["y0", "y1"],
      [
        body([value("s"), value("e")], turn, [value("t"), value("u")]),
        int("num_scan_inputs", 1),
        ints("scan_input_axes", [-1]),
        ints("scan_output_axes", [1]),
      ],
    );
    expect(
      await sizes([node], {
        feed,
        initializers: [floatTensor("start", [2], new Float32Array(2)), int64Tensor("last", [1])],
      }),
    ).toEqual([[2], [2, 3, 1]]);
  });

  it("of operator set 8, which has a batch, is not followed", () => {
    const node = op(
      "Scan",
      ["", "start", "x"],
      ["y0", "y1"],
      [
        body(
          [value("s"), value("e")],
          [op("Add", ["s", "e"], ["t"]), op("Relu", ["t"], ["u"])],
          [value("t"), value("u")],
        ),
        int("num_scan_inputs", 1),
      ],
    );
    expect(
      analyzeModel(
        tiny([node], { feed, opset: 8, initializers: [floatTensor("start", [2, 3], new Float32Array(6))] }),
      ).shape("y1"),
    ).toBeUndefined();
  });
});

it("knows of an If what both branches give", async () => {
  const node = (other: Node[]): Node =>
    op(
      "If",
      ["c"],
      ["y0"],
      [branch("then_branch", [op("Relu", ["x"], ["a"])]), branch("else_branch", other)],
    );
  expect(await sizes([node([op("Neg", ["x"], ["b"])])], { feed: { ...feed, ...FLAG } })).toEqual([[2, 3]]);
  expect(
    await sizes([node([op("Concat", ["x", "x"], ["b"], [int("axis", 0)])])], { feed: { ...feed, ...FLAG } }),
  ).toEqual([["?", 3]]);
});
