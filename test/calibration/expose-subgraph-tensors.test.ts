import { describe, expect, it } from "vitest";
import { isInnerTensor } from "../../src/calibration/expose-subgraph-tensors.js";
import type { Diagnostic } from "../../src/diagnostics.js";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  int64Tensor,
  makeNode,
  tensorValue,
  type Feed,
  type Graph,
  type Model,
  type Node,
} from "../../src/ir/index.js";
import type { Range, StatisticRequest } from "../../src/numeric/statistics.js";
import { dataset, feed, model } from "../support/feed-models.js";
import { calibrateInOneProcess } from "../support/calibrating.js";

const calibrate = calibrateInOneProcess();

const float = (name: string) => tensorValue(name, DataType.FLOAT);
const number = (name: string, value: number) => floatTensor(name, [], Float32Array.of(value));
const body = (nodes: Node[], outputs: Graph["outputs"], inputs: Graph["inputs"] = []): Graph => ({
  ...emptyGraph("body"),
  nodes,
  inputs,
  outputs,
});

/** y = 2 x where the sum of x is positive, else x - 3; both branches call their value "a". */
const condition = [
  makeNode("ReduceSum", ["x"], ["sum"], [attribute.int("keepdims", 0)]),
  makeNode("Greater", ["sum", "zero"], ["positive"]),
];
const branches = [
  attribute.graph("then_branch", body([makeNode("Mul", ["x", "two"], ["a"])], [float("a")])),
  attribute.graph("else_branch", body([makeNode("Sub", ["x", "three"], ["a"])], [float("a")])),
];
const constants = [number("zero", 0), number("two", 2), number("three", 3), int64Tensor("trips", [3], [])];
const ifModel = (): Model =>
  model(["n"], [...condition, makeNode("If", ["positive"], ["y"], branches)], constants);

/** `rounds` times state = step(state), from x. */
const loopModel = (nodes: Node[], output: string): Model =>
  model(
    ["n"],
    [
      makeNode(
        "Loop",
        ["trips", "", "x"],
        ["y"],
        [
          attribute.graph(
            "body",
            body(
              [...nodes, makeNode("Identity", ["going"], ["goOn"])],
              [tensorValue("goOn", DataType.BOOL), float(output)],
              [tensorValue("i", DataType.INT64, []), tensorValue("going", DataType.BOOL, []), float("state")],
            ),
          ),
        ],
      ),
    ],
    constants,
  );

const range = (tensor: string, ...scope: string[]): StatisticRequest => ({ kind: "range", tensor, scope });

async function ranges(
  of: Model,
  feeds: Feed[],
  requests: StatisticRequest[],
  activationBytes?: number,
): Promise<(Range | undefined)[]> {
  const statistics = await calibrate({
    model: of,
    dataset: dataset(feeds),
    requests,
    threads: 1,
    ...(activationBytes === undefined ? {} : { activationBytes }),
  });
  return requests.map((request) => statistics.get(request) as Range | undefined);
}

describe("If", () => {
  it("measures each branch when it runs, and distinguishes equal names in them", async () => {
    const requests = [range("a", "y", "then_branch"), range("a", "y", "else_branch")];
    const original = ifModel();
    expect(
      await ranges(original, [feed([2], [1, 4]), feed([3], [-1, -2, 0]), feed([1], [5])], requests),
    ).toEqual([
      { min: 2, max: 10, count: 3 },
      { min: -5, max: -3, count: 3 },
    ]);
    expect(original).toEqual(ifModel());
  });

  it("measures a captured value only where the branch runs, beside tensors of the main graph", async () => {
    const requests = [range("x", "y", "else_branch"), range("x"), range("y"), range("sum")];
    expect(await ranges(ifModel(), [feed([2], [1, 4]), feed([2], [-1, -2])], requests)).toEqual([
      { min: -2, max: -1, count: 2 },
      { min: -2, max: 4, count: 4 },
      { min: -5, max: 8, count: 4 },
      { min: -3, max: 5, count: 2 },
    ]);
  });

  it("gives whole tensors to histograms", async () => {
    const request = { kind: "histogram", tensor: "a", scope: ["y", "then_branch"], bins: 4 } as const;
    const statistics = await calibrate({
      model: ifModel(),
      dataset: dataset([feed([5], [0, 1, 2, 2, 4])]),
      requests: [request],
    });
    expect(statistics.get(request)).toEqual({
      min: 0,
      max: 8,
      count: 5,
      counts: Float64Array.of(1, 1, 2, 1),
    });
  });

  it("has no result for a branch that never ran", async () => {
    expect(await ranges(ifModel(), [feed([1], [1])], [range("a", "y", "else_branch")])).toEqual([undefined]);
  });

  it("names the tensor of a body that holds NaN", async () => {
    const root = model(
      ["n"],
      [
        ...condition,
        makeNode(
          "If",
          ["positive"],
          ["y"],
          [
            attribute.graph("then_branch", body([makeNode("Sqrt", ["x"], ["root"])], [float("root")])),
            branches[1]!,
          ],
        ),
      ],
      constants,
    );
    await expect(ranges(root, [feed([2], [4, -1])], [range("root", "y", "then_branch")])).rejects.toThrow(
      'sample 0: tensor "root" holds NaN',
    );
  });
});

describe("Loop", () => {
  it("measures every iteration", async () => {
    const doubling = loopModel([makeNode("Mul", ["state", "two"], ["next"])], "next");
    const requests = [range("next", "y", "body"), range("state", "y", "body")];
    expect(await ranges(doubling, [feed([2], [1, -1])], requests)).toEqual([
      { min: -8, max: 8, count: 6 },
      { min: -4, max: 4, count: 6 },
    ]);
  });

  it("measures iterations of different shapes", async () => {
    const growing = loopModel(
      [
        makeNode("Concat", ["state", "state"], ["twice"], [attribute.int("axis", 0)]),
        makeNode("Mul", ["twice", "two"], ["next"]),
      ],
      "next",
    );
    expect(await ranges(growing, [feed([1], [1])], [range("next", "y", "body")])).toEqual([
      { min: 2, max: 8, count: 2 + 4 + 8 },
    ]);
  });

  it("measures the branches of an If inside, as often as each ran", async () => {
    const inner = [
      makeNode("ReduceSum", ["state"], ["sum"], [attribute.int("keepdims", 0)]),
      makeNode("Greater", ["sum", "zero"], ["positive"]),
    ];
    const nested = [
      attribute.graph("then_branch", body([makeNode("Sub", ["state", "three"], ["a"])], [float("a")])),
      attribute.graph("else_branch", body([makeNode("Mul", ["state", "two"], ["b"])], [float("b")])),
    ];
    const m = loopModel([...inner, makeNode("If", ["positive"], ["next"], nested)], "next");
    const requests = [
      range("a", "y", "body", "next", "then_branch"),
      range("b", "y", "body", "next", "else_branch"),
    ];
    // 5 -> 2 -> -1 -> -2
    expect(await ranges(m, [feed([1], [5])], requests)).toEqual([
      { min: -1, max: 2, count: 2 },
      { min: -2, max: -2, count: 1 },
    ]);
  });

  it("has no result if there are no iterations", async () => {
    const none = loopModel([makeNode("Mul", ["state", "two"], ["next"])], "next");
    none.graph.initializers = [...constants.slice(0, 3), int64Tensor("trips", [0], [])];
    expect(await ranges(none, [feed([1], [1])], [range("next", "y", "body"), range("y")])).toEqual([
      undefined,
      { min: 1, max: 1, count: 1 },
    ]);
  });

  it("thins out tensors over the memory limit, and keeps the range exact", async () => {
    const doubling = loopModel([makeNode("Mul", ["state", "two"], ["next"])], "next");
    const values = Array.from({ length: 1000 }, (_, i) => (i === 501 ? -7 : i === 502 ? 9 : Math.sin(i)));
    const [found] = await ranges(doubling, [feed([1000], values)], [range("next", "y", "body")], 4 * 300);
    expect([found?.min, found?.max]).toEqual([-56, 72]);
    // 3000 values where 300 may be: every 11th of 1000, and two more, in each of 3 rounds.
    expect(found?.count).toBe(3 * (91 + 2));
  });
});

describe("Scan", () => {
  const scanning = (nodes: Node[]): Model =>
    model(
      ["n"],
      [
        makeNode(
          "Scan",
          ["zero", "x"],
          ["last", "y"],
          [
            attribute.graph(
              "body",
              body(
                [...nodes, makeNode("Identity", ["total"], ["sum"])],
                [float("total"), float("sum")],
                [float("before"), float("element")],
              ),
            ),
            attribute.int("num_scan_inputs", 1),
            attribute.ints("scan_output_directions", [1]),
          ],
        ),
      ],
      constants,
    );

  it("measures every iteration, whatever the existing scan outputs declare", async () => {
    const m = scanning([
      makeNode("Mul", ["element", "two"], ["a"]),
      makeNode("Add", ["before", "a"], ["total"]),
    ]);
    const requests = [range("a", "last", "body"), range("total", "last", "body"), range("y")];
    expect(await ranges(m, [feed([3], [1, 2, -5])], requests)).toEqual([
      { min: -10, max: 4, count: 3 },
      { min: -4, max: 6, count: 3 },
      { min: -4, max: 6, count: 3 },
    ]);
  });

  it("skips only bodies when iterations differ in their number of values", async () => {
    const m = scanning([
      makeNode("NonZero", ["element"], ["places"]),
      makeNode("Cast", ["places"], ["a"], [attribute.int("to", DataType.FLOAT)]),
      makeNode("Add", ["before", "element"], ["total"]),
    ]);
    m.graph.inputs = [tensorValue("x", DataType.FLOAT, ["n", 2])];
    m.graph.initializers = [floatTensor("zero", [2], new Float32Array(2)), ...constants.slice(1)];
    const found: Diagnostic[] = [];
    const requests = [range("a", "last", "body"), range("y")];
    const statistics = await calibrate({
      model: m,
      dataset: dataset([feed([2, 2], [1, 0, 1, 2])]),
      requests,
      logger: { diagnostic: (one) => found.push(one) },
    });
    expect(requests.map((request) => statistics.get(request))).toEqual([
      undefined,
      { min: 0, max: 2, count: 4 },
    ]);
    expect(found.map(({ id }) => id)).toEqual(["calibration-bodies-not-measured"]);
  });
});

describe("isInnerTensor", () => {
  it("accepts tensors that the body computes or captures, and no unknown ones", () => {
    const m = ifModel();
    expect(["a", "x", "two", "b", ""].map((name) => isInnerTensor(m, ["y", "then_branch"], name))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(isInnerTensor(m, ["sum", "then_branch"], "x")).toBe(false);
  });

  it(
    "refuses an If inside of a Scan, other operators with bodies, and operator sets " +
      "whose Loop carries no sequences",
    () => {
      const scan = body(
        [...condition, makeNode("If", ["positive"], ["out"], branches)],
        [float("out")],
        [float("x")],
      );
      const m = model(
        ["n"],
        [
          makeNode(
            "Scan",
            ["x"],
            ["y"],
            [attribute.graph("body", scan), attribute.int("num_scan_inputs", 1)],
          ),
        ],
        constants,
      );
      expect([
        isInnerTensor(m, ["y", "body", "out", "then_branch"], "a"),
        isInnerTensor(m, ["y", "body"], "out"),
      ]).toEqual([false, true]);
      const other = ifModel();
      other.graph.nodes.at(-1)!.opType = "SequenceMap";
      expect(isInnerTensor(other, ["y", "then_branch"], "a")).toBe(false);
      expect(
        isInnerTensor(
          { ...ifModel(), opsetImports: [{ domain: "", version: 12n }] },
          ["y", "then_branch"],
          "a",
        ),
      ).toBe(false);
    },
  );
});
