import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  opsetVersion,
  type Node,
  type Tensor,
} from "../../../../src/ir/index.js";
import { fuseGelu } from "../../../../src/passes/graph/fuse/fuse-gelu.js";
import { fuseHardSwish } from "../../../../src/passes/graph/fuse/fuse-hard-swish.js";
import { fuseSwish } from "../../../../src/passes/graph/fuse/fuse-swish.js";
import { floats, seededFloats } from "../../../support/running.js";
import { apply, branch, FLAG, shown, tiny, type Parts } from "../../../support/tiny-models.js";
import { fused, left, scalar } from "../../../support/prove.js";

const WIDE = {
  x: floats(
    [4, 6],
    seededFloats(24).map((v) => 5 * v),
  ),
};
const constants = [
  scalar("root2", Math.SQRT2),
  scalar("inverse", Math.SQRT1_2),
  scalar("one", 1),
  scalar("half", 0.5),
  scalar("two", 2, [1]),
  scalar("cube", 0.044715),
  scalar("three", 3),
  scalar("root", Math.sqrt(2 / Math.PI)),
  scalar("zero", 0),
  scalar("six", 6),
  scalar("sixth", 1 / 6),
];

/** The constants that the nodes use. */
function parts(nodes: Node[], more: Parts = {}): Parts {
  return {
    feed: WIDE,
    initializers: constants.filter(({ name }) => nodes.some((node) => node.inputs.includes(name!))),
    ...more,
  };
}

const op = makeNode;
const erf = [op("Div", ["x", "root2"], ["d"]), op("Erf", ["d"], ["e"]), op("Add", ["e", "one"], ["s"])];
const cubes = {
  pow: [op("Pow", ["x", "three"], ["c"])],
  products: [op("Mul", ["x", "x"], ["q"]), op("Mul", ["x", "q"], ["c"])],
};
const tanh = (cube: Node[]): Node[] => [
  ...cube,
  op("Mul", ["cube", "c"], ["k"]),
  op("Add", ["x", "k"], ["p"]),
  op("Mul", ["p", "root"], ["d"]),
  op("Tanh", ["d"], ["e"]),
  op("Add", ["one", "e"], ["s"]),
];
const ends: Record<string, Node[]> = {
  "(x · sum) · ½": [op("Mul", ["x", "s"], ["m"]), op("Mul", ["m", "half"], ["y"])],
  "(sum / 2) · x": [op("Div", ["s", "two"], ["m"]), op("Mul", ["m", "x"], ["y"])],
  "(½ x) · sum": [op("Mul", ["half", "x"], ["m"]), op("Mul", ["m", "s"], ["y"])],
};

describe("Gelu", () => {
  it.each(Object.keys(ends))("is recognized as %s, with erf and with tanh", async (end) => {
    for (const start of [
      erf,
      [op("Mul", ["x", "inverse"], ["d"]), ...erf.slice(1)],
      tanh(cubes.pow),
      tanh(cubes.products),
    ]) {
      const nodes = [...start, ...ends[end]!];
      expect(await left(fuseGelu, nodes, parts(nodes))).toHaveLength(1);
      expect(await left(fuseGelu, nodes, parts(nodes, { opset: 20 }))).toEqual(["Gelu"]);
    }
  });

  it("is the standard operator from version 20 on, and onnxruntime's before", async () => {
    const exact = [...erf, ...ends["(x · sum) · ½"]!];
    const approximate = [...tanh(cubes.pow), ...ends["(x · sum) · ½"]!];
    expect(shown(await fused(fuseGelu, exact, parts(exact, { opset: 20 })))).toEqual([
      '%y = Gelu(%x) {approximate="none"}',
    ]);
    expect(shown(await fused(fuseGelu, approximate, parts(approximate, { opset: 20 })))).toEqual([
      '%y = Gelu(%x) {approximate="tanh"}',
    ]);
    const older = await fused(fuseGelu, exact, parts(exact));
    expect(shown(older)).toEqual(["%y = com.microsoft::Gelu(%x)"]);
    expect(opsetVersion(older, "com.microsoft")).toBe(1);
    expect(shown(await fused(fuseGelu, approximate, parts(approximate)))).toEqual([
      "%y = com.microsoft::FastGelu(%x)",
    ]);
  });

  const [mul, half] = ends["(x · sum) · ½"]!;
  it.each<[string, Node[], Partial<Parts>?]>([
    ["another x at the end", [op("Relu", ["x"], ["z"]), ...erf, { ...mul!, inputs: ["z", "s"] }, half!]],
    ["another factor", [...erf, mul!, { ...half!, inputs: ["m", "inverse"] }]],
    ["another divisor", [{ ...erf[0]!, inputs: ["x", "three"] }, ...erf.slice(1), mul!, half!]],
    ["a sum that is an output", [...erf, mul!, half!], { outputs: ["y", "s"] }],
    ["a sum that others use", [...erf, mul!, half!, op("Relu", ["s"], ["z"])], { outputs: ["y", "z"] }],
    ["1 given by the caller", [...erf, mul!, half!], { feed: { ...WIDE, one: floats([], [1]) } }],
  ])("is not recognized with %s", async (_, nodes, more = {}) => {
    const used = parts(nodes).initializers!.filter(({ name }) => more.feed?.[name ?? ""] === undefined);
    expect(await left(fuseGelu, nodes, { ...parts(nodes), initializers: used, ...more })).toEqual(
      nodes.map((node) => node.opType),
    );
  });

  it("is not recognized in float16, nor where a body uses what lies between", async () => {
    const nodes = [...erf, mul!, half!];
    const halves: Tensor[] = parts(nodes).initializers!.map(({ name, dims }) =>
      integerTensor(name!, dims, DataType.FLOAT16, Uint16Array.of(15360)),
    );
    const x = { dataType: DataType.FLOAT16, dims: [2], data: new Uint16Array(2) };
    expect(
      (await apply(fuseGelu(), tiny(structuredClone(nodes), { feed: { x }, initializers: halves }))).modified,
    ).toBe(false);
    const body = [op("Relu", ["s"], ["r"])];
    const captured = [
      ...nodes,
      op("If", ["c"], ["z"], [branch("then_branch", body), branch("else_branch", structuredClone(body))]),
    ];
    expect(
      await left(fuseGelu, captured, parts(nodes, { feed: { ...WIDE, ...FLAG }, outputs: ["y", "z"] })),
    ).toEqual(captured.map((node) => node.opType));
  });

  it("does not turn a scalar into what constants of shape [1] make of it", async () => {
    const nodes = [...erf, mul!, { ...half!, inputs: ["m", "vector"] }];
    const initializers = [...parts(nodes).initializers!, floatTensor("vector", [1], Float32Array.of(0.5))];
    expect(await left(fuseGelu, nodes, { feed: { x: floats([], [1]) }, initializers })).toHaveLength(5);
  });
});

describe("HardSwish", () => {
  const clip = [op("Add", ["x", "three"], ["a"]), op("Clip", ["a", "zero", "six"], ["c"])];
  const forms: Node[][] = [
    [...clip, op("Mul", ["x", "c"], ["m"]), op("Div", ["m", "six"], ["y"])],
    [...clip, op("Div", ["c", "six"], ["m"]), op("Mul", ["m", "x"], ["y"])],
    [...clip, op("Mul", ["sixth", "c"], ["m"]), op("Mul", ["x", "m"], ["y"])],
  ];
  it.each(forms.map((nodes, k) => [k, nodes] as const))("is recognized in form %i", async (_, nodes) => {
    expect(await left(fuseHardSwish, nodes, parts(nodes))).toEqual(["HardSwish"]);
    expect(await left(fuseHardSwish, nodes, parts(nodes, { opset: 13 }))).toEqual(["HardSigmoid", "Mul"]);
  });

  it("is recognized with bounds as attributes, and HardSigmoid by itself", async () => {
    const old = [
      clip[0]!,
      op("Clip", ["a"], ["c"], [attribute.float("min", 0), attribute.float("max", 6)]),
      ...forms[0]!.slice(2),
    ];
    expect(await left(fuseHardSwish, old, parts(old, { opset: 9 }))).toEqual(["HardSigmoid", "Mul"]);
    const gate = [...clip, op("Div", ["c", "six"], ["y"])];
    expect(await left(fuseHardSwish, gate, parts(gate))).toEqual(["HardSigmoid"]);
  });

  it.each<[string, Node[], Partial<Parts>?]>([
    ["another bound", [clip[0]!, op("Clip", ["a", "zero", "three"], ["c"]), ...forms[0]!.slice(2)]],
    ["another shift", [op("Add", ["x", "six"], ["a"]), clip[1]!, ...forms[0]!.slice(2)]],
    [
      "another factor",
      [op("Relu", ["x"], ["z"]), ...clip, op("Mul", ["z", "c"], ["m"]), op("Div", ["m", "six"], ["y"])],
    ],
    ["a clipped value that is an output", forms[0]!, { outputs: ["y", "c"] }],
  ])("is not recognized with %s", async (_, nodes, more = {}) => {
    expect(await left(fuseHardSwish, nodes, parts(nodes, more))).toEqual(nodes.map((node) => node.opType));
  });
});

describe("Swish", () => {
  const gate = op("Sigmoid", ["x"], ["g"]);
  const parts17: Parts = { feed: WIDE };
  it("is recognized with the factors in any order, with a slope, and at any operator set", async () => {
    for (const inputs of [
      ["x", "g"],
      ["g", "x"],
    ])
      expect(shown(await fused(fuseSwish, [gate, op("Mul", inputs, ["y"])], parts17))).toEqual([
        "%y = com.microsoft::QuickGelu(%x) {alpha=1.0}",
      ]);
    const sloped = [
      op("Mul", ["x", "three"], ["k"]),
      op("Sigmoid", ["k"], ["g"]),
      op("Mul", ["x", "g"], ["y"]),
    ];
    expect(shown(await fused(fuseSwish, sloped, parts(sloped)))).toEqual([
      "%y = com.microsoft::QuickGelu(%x) {alpha=3.0}",
    ]);
    for (const opset of [9, 24])
      expect(await left(fuseSwish, [gate, op("Mul", ["x", "g"], ["y"])], { ...parts17, opset })).toEqual([
        "QuickGelu",
      ]);
  });

  it.each<[string, Node[], Partial<Parts>?]>([
    ["a gate of another value", [op("Relu", ["x"], ["z"]), gate, op("Mul", ["z", "g"], ["y"])]],
    ["a gate of itself", [gate, op("Mul", ["g", "g"], ["y"])]],
    ["a gate that is an output", [gate, op("Mul", ["x", "g"], ["y"])], { outputs: ["y", "g"] }],
    [
      "a slope of zero",
      [op("Mul", ["x", "zero"], ["k"]), op("Sigmoid", ["k"], ["g"]), op("Mul", ["x", "g"], ["y"])],
    ],
    [
      "a slope that others use",
      [
        op("Mul", ["x", "three"], ["k"]),
        op("Sigmoid", ["k"], ["g"]),
        op("Mul", ["x", "g"], ["y"]),
        op("Relu", ["k"], ["z"]),
      ],
      { outputs: ["y", "z"] },
    ],
  ])("is not recognized with %s", async (_, nodes, more = {}) => {
    expect(await left(fuseSwish, nodes, parts(nodes, more))).toEqual(nodes.map((node) => node.opType));
  });
});
