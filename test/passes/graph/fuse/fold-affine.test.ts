import { describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  type Node,
  tensorValue,
  type Tensor,
} from "../../../../src/ir/index.js";
import { foldBatchNormalization } from "../../../../src/passes/graph/fold-batch-normalization.js";
import { foldConcatAffine } from "../../../../src/passes/graph/fuse/fold-concat-affine.js";
import { foldInputAffine } from "../../../../src/passes/graph/fuse/fold-input-affine.js";
import { floats, int64s, seededFloats } from "../../../support/running.js";
import { apply, branch, FLAG, tiny } from "../../../support/tiny-models.js";
import { left, scalar, tensor } from "../../../support/prove.js";

const { int, ints } = attribute;
const IMAGE = { x: floats([2, 4, 6, 6]) };
const ROWS = { x: floats([2, 3, 4]) };

function normalization(channels: number, from: string, to = "y"): { node: Node; constants: Tensor[] } {
  return {
    node: makeNode("BatchNormalization", [from, "gamma", "beta", "mean", "variance"], [to]),
    constants: [
      tensor("gamma", [channels], 3),
      tensor("beta", [channels], 4),
      tensor("mean", [channels], 5),
      floatTensor(
        "variance",
        [channels],
        seededFloats(channels, 9).map((v) => v + 1.5),
      ),
    ],
  };
}

describe("behind a MatMul", () => {
  const product = makeNode("MatMul", ["x", "w"], ["a"]);
  const added = makeNode("Add", ["b", "a"], ["c"]);
  const constants = [tensor("w", [4, 5]), tensor("b", [5], 2), tensor("s", [5], 3)];

  it.each<[string, Node[], string[]]>([
    ["a scale goes into the weight", [product, makeNode("Mul", ["a", "s"], ["y"])], ["MatMul"]],
    [
      "a scale goes into the weight and the bias that is added",
      [product, added, makeNode("Div", ["c", "s"], ["y"])],
      ["MatMul", "Add"],
    ],
    [
      "a shift goes into the bias that is added",
      [product, added, makeNode("Sub", ["c", "s"], ["y"])],
      ["MatMul", "Add"],
    ],
    ["a shift stays as the bias", [product, makeNode("Add", ["a", "s"], ["y"])], ["MatMul", "Add"]],
    ["a constant divided stays", [product, makeNode("Div", ["s", "a"], ["y"])], ["MatMul", "Div"]],
  ])("%s", async (_, nodes, expected) => {
    expect(
      await left(
        foldBatchNormalization,
        nodes,
        {
          feed: ROWS,
          initializers: constants.filter(({ name }) => nodes.some((n) => n.inputs.includes(name!))),
        },
        1e-4,
      ),
    ).toEqual(expected);
  });

  it("a BatchNormalization goes into a product of matrices with a bias", async () => {
    const { node, constants: own } = normalization(5, "c");
    expect(
      await left(foldBatchNormalization, [product, added, node], {
        feed: { x: floats([3, 4]) },
        initializers: [...constants.slice(0, 2), ...own],
      }),
    ).toEqual(["MatMul", "Add"]);
  });

  it("a constant along another axis stays", async () => {
    const rows = floatTensor("s", [3, 1], seededFloats(3));
    expect(
      await left(foldBatchNormalization, [product, makeNode("Mul", ["a", "s"], ["y"])], {
        feed: ROWS,
        initializers: [constants[0]!, rows],
      }),
    ).toEqual(["MatMul", "Mul"]);
  });
});

describe("behind a Concat", () => {
  const one = makeNode("Conv", ["x", "w"], ["a"]);
  const two = makeNode("Conv", ["x", "v", "b"], ["c"]);
  const joined = makeNode("Concat", ["a", "c"], ["j"], [int("axis", 1)]);
  const constants = [tensor("w", [3, 4, 3, 3]), tensor("v", [2, 4, 3, 3], 2), tensor("b", [2], 6)];

  it("a BatchNormalization and what follows go into both layers, each by its channels", async () => {
    const { node, constants: own } = normalization(5, "j", "n");
    const nodes = [one, two, joined, node, makeNode("Mul", ["n", "s"], ["y"])];
    expect(
      await left(foldConcatAffine, nodes, {
        feed: IMAGE,
        initializers: [...constants, ...own, tensor("s", [5, 1, 1], 8)],
      }),
    ).toEqual(["Conv", "Conv", "Concat"]);
  });

  it("a scale stays behind MatMuls of unknown rank joined along an axis from the front", async () => {
    const nodes = [
      makeNode("Reshape", ["x", "r"], ["v"]),
      makeNode("MatMul", ["v", "w"], ["a"]),
      makeNode("MatMul", ["v", "u"], ["c"]),
      makeNode("Concat", ["a", "c"], ["j"], [int("axis", 0)]),
      makeNode("Mul", ["j", "s"], ["y"]),
    ];
    const model = tiny(nodes, {
      feed: { x: floats([2, 3]), r: int64s([2], [2, 3]) },
      initializers: [tensor("w", [3, 1]), tensor("u", [3, 1], 2), tensor("s", [2], 8)],
    });
    model.graph.inputs[1] = tensorValue("r", DataType.INT64, ["rank"]);
    expect((await apply(foldConcatAffine(), model)).modified).toBe(false);
  });

  it("a scale goes into MatMuls joined along their last axis", async () => {
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["a"]),
      makeNode("MatMul", ["x", "v"], ["m"]),
      makeNode("Add", ["m", "b"], ["c"]),
      makeNode("Concat", ["a", "c"], ["j"], [int("axis", -1)]),
      makeNode("Mul", ["j", "s"], ["y"]),
    ];
    const initializers = [
      tensor("w", [4, 3]),
      tensor("v", [4, 2], 2),
      tensor("b", [2], 6),
      tensor("s", [5], 8),
    ];
    expect(await left(foldConcatAffine, nodes, { feed: ROWS, initializers })).toEqual([
      "MatMul",
      "MatMul",
      "Add",
      "Concat",
    ]);
  });

  it("it stays when an input is not produced by any node", async () => {
    const nodes = [
      makeNode("MatMul", ["x", "w"], ["a"]),
      makeNode("Concat", ["a", "x"], ["j"], [int("axis", -1)]),
      makeNode("Mul", ["j", "s"], ["y"]),
    ];
    expect(
      await left(foldConcatAffine, nodes, {
        feed: ROWS,
        initializers: [tensor("w", [4, 3]), scalar("s", 2)],
      }),
    ).toEqual(["MatMul", "Concat", "Mul"]);
  });

  it.each<[string, Node[]]>([
    ["an input is no layer", [one, makeNode("Relu", ["a"], ["c"]), { ...joined, inputs: ["c", "c"] }]],
    ["a layer has another use", [one, two, joined, makeNode("Relu", ["a"], ["z"])]],
    [
      "it joins along another axis",
      [one, { ...two, inputs: ["x", "w"] }, makeNode("Concat", ["a", "c"], ["j"], [int("axis", 2)])],
    ],
  ])("it stays when %s", async (_, nodes) => {
    const initializers = constants.filter(({ name }) => nodes.some((n) => n.inputs.includes(name!)));
    const all = [...nodes, makeNode("Mul", ["j", "s"], ["y"])];
    expect(
      await left(foldConcatAffine, all, {
        feed: IMAGE,
        initializers: [...initializers, scalar("s", 2)],
        outputs: ["y"],
      }),
    ).toEqual(all.map((node) => node.opType));
  });
});

describe("before a layer", () => {
  const conv = (attributes = [ints("pads", [0, 0, 0, 0])], from = "a"): Node =>
    makeNode("Conv", [from, "w", "b"], ["y"], attributes);
  const constants = [
    tensor("w", [6, 4, 3, 3]),
    tensor("b", [6], 2),
    tensor("s", [4, 1, 1], 3),
    tensor("t", [1, 4, 1, 1], 5),
  ];

  it("a subtracted mean and a division go into a Conv without border", async () => {
    const nodes = [makeNode("Sub", ["x", "t"], ["m"]), makeNode("Div", ["m", "s"], ["a"]), conv()];
    expect(await left(foldInputAffine, nodes, { feed: IMAGE, initializers: constants }, 1e-4)).toEqual([
      "Conv",
    ]);
  });

  it.each<[string, Node, number[]]>([
    ["grouped Conv", makeNode("Conv", ["a", "w"], ["y"], [int("group", 2)]), [6, 2, 3, 3]],
    ["padded Conv", makeNode("Conv", ["a", "w"], ["y"], [ints("pads", [1, 1, 1, 1])]), [6, 4, 3, 3]],
    [
      "ConvTranspose in groups",
      makeNode("ConvTranspose", ["a", "w"], ["y"], [int("group", 2)]),
      [4, 3, 3, 3],
    ],
  ])("a scale goes into a %s", async (_, layer, dims) => {
    expect(
      await left(foldInputAffine, [makeNode("Mul", ["s", "x"], ["a"]), layer], {
        feed: IMAGE,
        initializers: [tensor("w", dims), constants[2]!],
      }),
    ).toEqual([layer.opType]);
  });

  it.each<[string, Node[], number[]]>([
    [
      "Gemm",
      [makeNode("Gemm", ["a", "w"], ["y"], [int("transB", 1), attribute.float("alpha", 0.5)])],
      [5, 4],
    ],
    [
      "MatMul and the bias behind it",
      [makeNode("MatMul", ["a", "w"], ["p"]), makeNode("Add", ["p", "b"], ["y"])],
      [4, 5],
    ],
  ])("a BatchNormalization goes into a %s", async (_, layer, dims) => {
    const { node, constants: own } = normalization(4, "x", "a");
    const bias = layer.length > 1 ? [tensor("b", [5], 2)] : [];
    expect(
      await left(foldInputAffine, [node, ...layer], {
        feed: { x: floats([3, 4]) },
        initializers: [tensor("w", dims), ...bias, ...own],
      }),
    ).toEqual(layer.map((n) => n.opType));
  });

  it("a step goes into every layer that uses it", async () => {
    const nodes = [
      makeNode("Mul", ["x", "s"], ["a"]),
      conv(),
      { ...conv(), outputs: ["z"] },
      makeNode("Add", ["y", "z"], ["sum"]),
    ];
    expect(await left(foldInputAffine, nodes, { feed: IMAGE, initializers: constants.slice(0, 3) })).toEqual([
      "Conv",
      "Conv",
      "Add",
    ]);
  });

  const shifts: [string, string][] = [
    ["s", "t"],
    ["one", "two"],
    ["s", "two"],
  ];
  it.each(shifts)("a scale %s changes places with a shift %s that a border keeps", async (scale, shift) => {
    const values = [
      ...constants.filter(({ name }) => ["w", "b", scale, shift].includes(name!)),
      ...[scalar("one", 0.5, [1]), scalar("two", 3, [1])].filter(({ name }) =>
        [scale, shift].includes(name!),
      ),
    ];
    for (const step of ["Add", "Sub"]) {
      const nodes = [
        makeNode("Mul", [scale, "x"], ["m"]),
        makeNode(step, ["m", shift], ["a"]),
        conv([ints("pads", [1, 1, 1, 1])]),
      ];
      expect(await left(foldInputAffine, nodes, { feed: IMAGE, initializers: values }, 1e-4)).toEqual([
        "Add",
        "Conv",
      ]);
    }
  });

  it("a scale of zero and one that others use stay before a shift", async () => {
    const nodes = [
      makeNode("Mul", ["x", "zero"], ["m"]),
      makeNode("Add", ["m", "t"], ["a"]),
      conv([ints("pads", [1, 1, 1, 1])]),
    ];
    const values = constants.filter(({ name }) => name !== "s");
    expect(
      await left(foldInputAffine, nodes, { feed: IMAGE, initializers: [...values, scalar("zero", 0)] }),
    ).toEqual(["Mul", "Add", "Conv"]);
    const shared = [{ ...nodes[0]!, inputs: ["x", "s"] }, ...nodes.slice(1)];
    expect(
      await left(foldInputAffine, shared, { feed: IMAGE, initializers: constants, outputs: ["y", "m"] }),
    ).toEqual(["Mul", "Add", "Conv"]);
  });

  it.each<[string, Node[]]>([
    ["a shift before a border", [makeNode("Sub", ["x", "t"], ["a"]), conv([ints("pads", [1, 1, 1, 1])])]],
    [
      "a shift before a border chosen to fit",
      [makeNode("Sub", ["x", "t"], ["a"]), conv([attribute.string("auto_pad", "SAME_UPPER")])],
    ],
    ["a step that others use", [makeNode("Sub", ["x", "t"], ["a"]), conv(), makeNode("Relu", ["a"], ["z"])]],
  ])("stays: %s", async (_, nodes) => {
    const initializers = constants.filter(({ name }) => nodes.some((n) => n.inputs.includes(name!)));
    expect(
      await left(foldInputAffine, nodes, {
        feed: IMAGE,
        initializers,
        outputs: nodes.length > 2 ? ["y", "z"] : ["y"],
      }),
    ).toEqual(nodes.map((node) => node.opType));
  });

  it("stays when the step's output is an output of the graph", async () => {
    expect(
      await left(foldInputAffine, [makeNode("Sub", ["x", "t"], ["a"]), conv()], {
        feed: IMAGE,
        initializers: constants.filter(({ name }) => name !== "s"),
        outputs: ["a", "y"],
      }),
    ).toEqual(["Sub", "Conv"]);
  });

  it("stays when the step broadcasts one channel to four, or the channels are not known", async () => {
    const nodes = [makeNode("Mul", ["x", "s"], ["a"]), conv()];
    const initializers = constants.slice(0, 3);
    expect(await left(foldInputAffine, nodes, { feed: { x: floats([2, 1, 6, 6]) }, initializers })).toEqual([
      "Mul",
      "Conv",
    ]);
    const open = tiny(structuredClone(nodes), { feed: IMAGE, initializers });
    open.graph.inputs = [tensorValue("x", DataType.FLOAT, ["N", undefined, "H", "W"])];
    expect((await apply(foldInputAffine(), open)).modified).toBe(false);
  });

  it("stays when a body uses it too, and in float16", async () => {
    const body = [makeNode("Relu", ["a"], ["r"])];
    const condition = makeNode(
      "If",
      ["c"],
      ["z"],
      [branch("then_branch", body), branch("else_branch", structuredClone(body))],
    );
    const captured = tiny([makeNode("Mul", ["x", "s"], ["a"]), conv(), condition], {
      feed: { ...IMAGE, ...FLAG },
      initializers: constants.slice(0, 3),
      outputs: ["y", "z"],
    });
    const half = tiny([makeNode("Mul", ["x", "s"], ["a"]), makeNode("Conv", ["a", "w"], ["y"])], {
      feed: { x: { dataType: DataType.FLOAT16, dims: [1, 4, 6, 6], data: new Uint16Array(144) } },
      initializers: [
        integerTensor("s", [4, 1, 1], DataType.FLOAT16, new Uint16Array(4)),
        integerTensor("w", [6, 4, 3, 3], DataType.FLOAT16, new Uint16Array(216)),
      ],
    });
    for (const model of [captured, half])
      expect((await apply(foldInputAffine(), model)).modified).toBe(false);
  });
});
