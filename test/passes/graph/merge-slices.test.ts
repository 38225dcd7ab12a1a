/** Slices in a row, and with a Squeeze behind: what is left of them, and the same outputs bit for bit. */
import { describe, expect, it } from "vitest";
import { attribute, DataType, int64Tensor, makeNode, type Model, type Node } from "../../../src/ir/index.js";
import { mergeChains } from "../../../src/passes/graph/merge-chains.js";
import { composeSlices, type AxisSlice } from "../../../src/passes/graph/slice-bounds.js";
import { difference, floats, run } from "../../support/running.js";
import { apply, tiny } from "../../support/tiny-models.js";

const OPEN = 2 ** 31 - 1;
const { ints } = attribute;
type Bounds = readonly [starts: number[], ends: number[], axes?: number[], steps?: number[]];

/** The operators left, with the sizes of x given or not, having compared what x of several sizes comes to. */
async function left(
  make: (opset: number) => Node[],
  lists: Record<string, number[]>,
  { opset = 17, known = false, outputs = ["y"] } = {},
): Promise<Model> {
  const feed = { x: floats([6, 5, 4]) };
  const initializers = Object.entries(lists).map(([name, values]) => int64Tensor(name, values));
  const build = (): Model => {
    const model = tiny(make(opset), { feed, opset, outputs, initializers: structuredClone(initializers) });
    if (!known)
      model.graph.inputs = [
        {
          name: "x",
          type: { tensor: { elementType: DataType.FLOAT, shape: [undefined, undefined, undefined] } },
        },
      ];
    return model;
  };
  const model = build();
  await apply(mergeChains(), model);
  for (const dims of known
    ? [[6, 5, 4]]
    : [
        [6, 5, 4],
        [3, 5, 2],
        [2, 2, 2],
      ]) {
    const sized = { x: floats(dims) };
    expect(difference(await run(build(), sized), await run(model, sized))).toBe(0);
  }
  return model;
}

function slices(...bounds: Bounds[]): { make: (opset: number) => Node[]; lists: Record<string, number[]> } {
  const lists: Record<string, number[]> = {};
  for (const [k, lengths] of bounds.entries())
    lengths.forEach((values, j) => {
      if (values) lists[`${"seat"[j]}${k}`] = values;
    });
  const name = (k: number): string => (k === bounds.length - 1 ? "y" : `v${k}`);
  const make = (opset: number): Node[] =>
    bounds.map(([starts, ends, axes, steps], k) => {
      const input = k === 0 ? "x" : name(k - 1);
      if (opset < 10)
        return makeNode(
          "Slice",
          [input],
          [name(k)],
          [ints("starts", starts), ints("ends", ends), ...(axes ? [ints("axes", axes)] : [])],
        );
      return makeNode(
        "Slice",
        [input, `s${k}`, `e${k}`, ...(axes ? [`a${k}`] : steps ? [""] : []), ...(steps ? [`t${k}`] : [])],
        [name(k)],
      );
    });
  return { make, lists };
}

const types = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType);

describe("Slices in a row become one", () => {
  it.each<[string, Bounds[]]>([
    [
      "along other axes",
      [
        [[1], [OPEN], [0]],
        [[0], [2], [1]],
        [[1], [3], [2]],
      ],
    ],
    [
      "with steps along others",
      [
        [[-1], [-OPEN], [0], [-1]],
        [[0], [OPEN], [2], [2]],
      ],
    ],
    [
      "without axes",
      [
        [
          [1, 0],
          [4, 3],
        ],
        [[0], [1], [2]],
      ],
    ],
    [
      "from the front",
      [
        [[1], [5], [0]],
        [[1], [3], [0]],
      ],
    ],
    [
      "past the end of the first",
      [
        [[1], [3], [0]],
        [[1], [9], [0]],
      ],
    ],
    [
      "past the end of what is there",
      [
        [[4], [OPEN], [0]],
        [[0], [1], [0]],
      ],
    ],
    [
      "with open ends",
      [
        [[1], [OPEN], [0]],
        [[1], [OPEN], [0]],
      ],
    ],
    [
      "with ends from the back",
      [
        [[1], [-1], [0]],
        [[0], [-1], [0]],
      ],
    ],
    [
      "with one end from the back",
      [
        [[1], [OPEN], [0]],
        [[0], [-2], [0]],
      ],
    ],
    [
      "by axes from both ends of a known rank",
      [
        [[0], [2], [0]],
        [[1], [OPEN], [-1]],
      ],
    ],
    [
      "by axes from the back",
      [
        [[1], [OPEN], [-1]],
        [[0], [1], [-2]],
      ],
    ],
  ])("%s", async (_, bounds) => {
    const { make, lists } = slices(...bounds);
    expect(types(await left(make, lists))).toEqual(["Slice"]);
    if (bounds.every(([, , , steps]) => !steps))
      expect(types(await left(make, {}, { opset: 9 }))).toEqual(["Slice"]);
  });

  it.each<[string, Bounds[]]>([
    [
      "from the back and the front",
      [
        [[-4], [OPEN], [0]],
        [[1], [2], [0]],
      ],
    ],
    [
      "to the back and the front",
      [
        [[0], [-1], [0]],
        [[0], [2], [0]],
      ],
    ],
  ])("only when sizes are known: %s", async (_, bounds) => {
    const { make, lists } = slices(...bounds);
    expect(types(await left(make, lists))).toEqual(["Slice", "Slice"]);
    expect(types(await left(make, lists, { known: true }))).toEqual(["Slice"]);
  });

  it("unless steps meet along one axis, or the first is used elsewhere", async () => {
    const stepped = slices([[0], [OPEN], [0], [2]], [[0], [2], [0]]);
    expect(types(await left(stepped.make, stepped.lists, { known: true }))).toEqual(["Slice", "Slice"]);
    const { make, lists } = slices([[1], [OPEN], [0]], [[1], [OPEN], [1]]);
    expect(types(await left(make, lists, { outputs: ["v0", "y"] }))).toEqual(["Slice", "Slice"]);
  });

  it("as numpy composes them, for all bounds and sizes", () => {
    const take = (list: readonly number[], { start, end }: AxisSlice): readonly number[] =>
      list.slice(start, end);
    const bounds = [-7, -3, -1, 0, 1, 2, 4, 7, OPEN];
    let composed = 0;
    for (const size of [0, 1, 3, 6])
      for (const a of bounds)
        for (const b of bounds)
          for (const c of bounds)
            for (const d of bounds) {
              const [inner, outer] = [
                [a, b],
                [c, d],
              ].map(([start = 0, end = 0]) => ({ axis: 0, start, end, step: 1 })) as [AxisSlice, AxisSlice];
              const all = Array.from({ length: size }, (_, k) => k);
              for (const shape of [[size], [undefined], undefined]) {
                const both = composeSlices([inner], [outer], shape)?.[0];
                if (both) composed++;
                if (both) expect(take(all, both)).toEqual(take(take(all, inner), outer));
                else expect(shape?.[0]).toBeUndefined();
              }
            }
    expect(composed).toBeGreaterThan(4 * bounds.length ** 4);
  });
});

describe("a Slice of one element and a Squeeze become a Gather", () => {
  const squeeze = (axes: string): Node => makeNode("Squeeze", ["v0", axes], ["y"]);
  it.each<[string, Bounds, number[], boolean]>([
    ["from the front", [[1], [2], [0]], [0], true],
    ["the last", [[-1], [OPEN], [2]], [2], true],
    ["from the back", [[-2], [-1], [-1]], [-1], true],
    [
      "of two axes",
      [
        [0, 0],
        [1, 1],
        [0, 1],
      ],
      [0],
      false,
    ],
    ["by axes from both ends of a known rank", [[0], [1], [0]], [-3], true],
  ])("%s", async (_, [starts, ends, axes], dropped, isOne) => {
    const nodes = (): Node[] => [makeNode("Slice", ["x", "s", "e", "a"], ["v0"]), squeeze("d")];
    const model = await left(nodes, { s: starts, e: ends, a: axes!, d: dropped });
    expect(types(model)).toEqual(isOne ? ["Gather"] : ["Slice", "Squeeze"]);
  });

  it("before operator set 11 only from the front", async () => {
    const nodes = (start: number, end: number) => (): Node[] => [
      makeNode("Slice", ["x"], ["v0"], [ints("starts", [start]), ints("ends", [end]), ints("axes", [0])]),
      makeNode("Squeeze", ["v0"], ["y"], [ints("axes", [0])]),
    ];
    expect(types(await left(nodes(1, 2), {}, { opset: 9 }))).toEqual(["Gather"]);
    expect(types(await left(nodes(-2, -1), {}, { opset: 9 }))).toEqual(["Slice", "Squeeze"]);
  });
});

describe("Squeeze and Unsqueeze by the same axes cancel, whatever the sizes", () => {
  it("Unsqueeze, Squeeze", async () => {
    const nodes = (): Node[] => [
      makeNode("Unsqueeze", ["x", "one"], ["v"]),
      makeNode("Squeeze", ["v", "other"], ["w"]),
      makeNode("Relu", ["w"], ["y"]),
    ];
    const model = await left(nodes, { one: [0, -1], other: [-1, 0] });
    expect(model.graph.nodes.at(-1)?.inputs).toEqual(["x"]);
  });

  it("Squeeze, Unsqueeze of a value of unknown rank", async () => {
    const make = (second: string): Model =>
      tiny(
        [
          makeNode("Squeeze", ["x", "axes"], ["v"]),
          makeNode("Unsqueeze", ["v", second], ["w"]),
          makeNode("Relu", ["w"], ["y"]),
        ],
        { initializers: [int64Tensor("axes", [-1]), int64Tensor("others", [0])] },
      );
    for (const [second, input] of [
      ["axes", "x"],
      ["others", "w"],
    ] as const) {
      const model = make(second);
      model.graph.inputs[0]!.type = { tensor: { elementType: DataType.FLOAT } };
      await apply(mergeChains(), model);
      expect(model.graph.nodes.at(-1)?.inputs).toEqual([input]);
    }
  });
});
