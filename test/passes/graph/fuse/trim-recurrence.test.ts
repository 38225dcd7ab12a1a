import { describe, expect, it } from "vitest";
import {
  attribute,
  AttributeType,
  DataType,
  int64Tensor,
  makeNode,
  stringAttribute,
  type Attribute,
  type Node,
  type Tensor,
} from "../../../../src/ir/index.js";
import { trimRecurrence } from "../../../../src/passes/graph/fuse/trim-recurrence.js";
import { floats } from "../../../support/running.js";
import { fused, left, operators, tensor } from "../../../support/prove.js";
import { apply, tiny, type Parts } from "../../../support/tiny-models.js";

const { int, ints, string } = attribute;
const strings = (name: string, values: string[]): Attribute => ({
  name,
  type: AttributeType.STRINGS,
  strings: values.map((value) => new TextEncoder().encode(value)),
});
const STEPS = 5;
const BATCH = 2;
const INPUTS = 3;
const HIDDEN = 4;
const GATES: Readonly<Record<string, number>> = { LSTM: 4, GRU: 3, RNN: 1 };
const FEED = { x: floats([STEPS, BATCH, INPUTS]) };

function layer(
  opType: string,
  direction: string,
  {
    attributes = [],
    inputs = [],
    outputs = [],
  }: { attributes?: Attribute[]; inputs?: string[]; outputs?: string[] } = {},
): Node {
  return makeNode(
    opType,
    ["x", "w", "r", "b", ...inputs],
    ["h", ...outputs],
    [int("hidden_size", HIDDEN), string("direction", direction), ...attributes],
  );
}

function weights(opType: string, directions: number): Tensor[] {
  const rows = GATES[opType]! * HIDDEN;
  return [
    tensor("w", [directions, rows, INPUTS], 1),
    tensor("r", [directions, rows, HIDDEN], 2),
    tensor("b", [directions, 2 * rows], 3),
  ];
}

/**
 * What exporters write behind a layer whose outputs come batch first: [time, direction, batch, hidden] to
 * [batch, time, features].
 */
const MOVES = [
  makeNode("Transpose", ["h"], ["t"], [ints("perm", [0, 2, 1, 3])]),
  makeNode("Reshape", ["t", "shape"], ["f"]),
  makeNode("Transpose", ["f"], ["m"], [ints("perm", [1, 0, 2])]),
];
const SHAPE = int64Tensor("shape", [0, 0, -1]);
const step = (from: string, axis: number): Node =>
  makeNode("Gather", [from, "index"], ["y"], [int("axis", axis)]);
const index = (value: number): Tensor => int64Tensor("index", [value], []);
const parts = (opType: string, directions: number, value: number, more: Tensor[] = []): Parts => ({
  feed: FEED,
  initializers: [...weights(opType, directions), SHAPE, index(value), ...more],
});

describe("layers of both directions", () => {
  it.each(
    ["LSTM", "GRU", "RNN"].flatMap((opType) =>
      [-1, STEPS - 1, 0, -STEPS].map((value) => [opType, value] as const),
    ),
  )("%s computes step %d alone", async (opType, value) => {
    const model = await fused(
      trimRecurrence,
      [layer(opType, "bidirectional"), ...MOVES, step("m", 1)],
      parts(opType, 2, value),
    );
    const isLast = value === -1 || value === STEPS - 1;
    expect(operators(model)).toEqual(
      isLast
        ? [opType, "Gather", opType, "Concat", "Gather"]
        : ["Gather", opType, opType, "Concat", "Gather"],
    );
    // The direction that starts from the step needs that step alone.
    const short = model.graph.nodes.find((node) => node.opType === opType && node.inputs[0] !== "x")!;
    expect(stringAttribute(short, "direction", "")).toBe(isLast ? "reverse" : "forward");
  });

  it.each<[string, Node[], Tensor[]]>([
    ["read time first", [...MOVES.slice(0, 2), step("f", 0)], []],
    [
      "flattened by known sizes",
      [MOVES[0]!, makeNode("Reshape", ["t", "known"], ["f"]), step("f", 0)],
      [int64Tensor("known", [STEPS, -1, 2 * HIDDEN])],
    ],
  ])("takes outputs %s", async (_, nodes, constants) => {
    expect(
      await left(trimRecurrence, [layer("GRU", "bidirectional"), ...nodes], parts("GRU", 2, -1, constants)),
    ).toEqual(["GRU", "Gather", "GRU", "Concat", "Gather"]);
  });

  it("keeps the attributes, first states and peepholes of each direction", async () => {
    const gru = layer("GRU", "bidirectional", {
      attributes: [int("linear_before_reset", 1)],
      inputs: ["", "h0"],
    });
    expect(
      await left(
        trimRecurrence,
        [gru, ...MOVES, step("m", 1)],
        parts("GRU", 2, -1, [tensor("h0", [2, BATCH, HIDDEN], 5)]),
      ),
    ).toHaveLength(5);
    const lstm = layer("LSTM", "bidirectional", {
      attributes: [attribute.float("clip", 0.3)],
      inputs: ["", "h0", "c0", "p"],
    });
    const states = [
      tensor("h0", [2, BATCH, HIDDEN], 5),
      tensor("c0", [2, BATCH, HIDDEN], 6),
      tensor("p", [2, 3 * HIDDEN], 7),
    ];
    expect(
      await left(trimRecurrence, [lstm, ...MOVES, step("m", 1)], parts("LSTM", 2, -1, states)),
    ).toHaveLength(5);
  });

  // onnxruntime runs no layer whose batch comes first, so the graph alone is looked at.
  it("leaves layers whose batch comes first", async () => {
    const nodes = [layer("GRU", "bidirectional", { attributes: [int("layout", 1)] }), ...MOVES, step("m", 1)];
    const model = tiny(nodes, parts("GRU", 2, -1));
    expect((await apply(trimRecurrence(), model)).modified).toBe(false);
  });

  const shared = makeNode("Relu", ["w"], ["z"]);
  it.each<[string, Node[], Tensor[], number, string[]?]>([
    ["a step in the middle", [layer("GRU", "bidirectional"), ...MOVES, step("m", 1)], [], 2],
    [
      "a list of steps",
      [layer("GRU", "bidirectional"), ...MOVES, makeNode("Gather", ["m", "list"], ["y"], [int("axis", 1)])],
      [int64Tensor("list", [-1])],
      -1,
    ],
    ["a sample", [layer("GRU", "bidirectional"), ...MOVES, step("m", 0)], [], -1],
    [
      "directions in another order",
      [layer("GRU", "bidirectional"), makeNode("Reshape", ["h", "shape"], ["f"]), step("f", 0)],
      [],
      -1,
    ],
    [
      "samples that end early",
      [layer("GRU", "bidirectional", { inputs: ["lengths"] }), ...MOVES, step("m", 1)],
      [
        {
          name: "lengths",
          dims: [BATCH],
          dataType: DataType.INT32,
          raw: new Uint8Array(Int32Array.of(3, 5).buffer),
        },
      ],
      -1,
    ],
    [
      "functions of its own",
      [
        layer("GRU", "bidirectional", {
          attributes: [strings("activations", ["Sigmoid", "Tanh", "Sigmoid", "Relu"])],
        }),
        ...MOVES,
        step("m", 1),
      ],
      [],
      -1,
    ],
    [
      "states that are read",
      [
        layer("GRU", "bidirectional", { outputs: ["last"] }),
        ...MOVES,
        step("m", 1),
        makeNode("Relu", ["last"], ["z"]),
      ],
      [],
      -1,
      ["y", "z"],
    ],
    ["outputs that are read", [layer("GRU", "bidirectional"), ...MOVES, step("m", 1)], [], -1, ["y", "t"]],
    [
      "weights that others use",
      [layer("GRU", "bidirectional"), ...MOVES, step("m", 1), shared],
      [],
      -1,
      ["y", "z"],
    ],
  ])("leaves layers with %s", async (_, nodes, constants, value, outputs = ["y"]) => {
    expect(await left(trimRecurrence, nodes, { ...parts("GRU", 2, value, constants), outputs })).toEqual(
      nodes.map(({ opType }) => opType),
    );
  });
});

describe("layers of one direction", () => {
  const squeeze = makeNode("Squeeze", ["h", "one"], ["s"]);
  const one = int64Tensor("one", [1]);

  it.each<[string, number, string[]]>([
    ["forward", -1, ["LSTM", "Gather"]],
    ["reverse", 0, ["LSTM", "Gather"]],
    ["forward", 0, ["Gather", "LSTM", "Gather"]],
    ["reverse", -1, ["Gather", "LSTM", "Gather"]],
  ])("running %s hand out step %d alone", async (direction, value, expected) => {
    const model = await fused(
      trimRecurrence,
      [layer("LSTM", direction), squeeze, step("s", 0)],
      parts("LSTM", 1, value, [one]),
    );
    expect(operators(model)).toEqual(expected);
    expect(model.graph.nodes.find(({ opType }) => opType === "LSTM")!.outputs[0]).toBe("");
  });
});
