/** Values come from onnxruntime's run of the model without the pair of Q and DQ that the fold takes out. */
import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  makeNode,
  type Model,
  type Node,
  type Tensor,
} from "../../../src/ir/index.js";
import { foldInt8Scales } from "../../../src/passes/quantize/fold-int8-scales.js";
import { difference, floats, run, seededFloats } from "../graph/running.js";
import { apply, tiny } from "../graph/tiny-models.js";

const op = makeNode;
const { int } = attribute;
const LEVELS = [0, 1, 2];
const FEED = Object.fromEntries(LEVELS.map((k) => [`x${k}`, floats([1, 4, 5, 5], seededFloats(100, k + 2))]));
const STEP = 0.03;

const constants: Tensor[] = [
  integerTensor(
    "codes",
    [6, 4, 3, 3],
    DataType.INT8,
    Int8Array.from(seededFloats(216, 7), (v) => Math.round(100 * v)),
  ),
  floatTensor(
    "scales",
    [6],
    seededFloats(6, 3).map((v) => 0.002 + 0.001 * v),
  ),
  integerTensor(
    "biasCodes",
    [6],
    DataType.INT32,
    Int32Array.from(seededFloats(6, 5), (v) => Math.round(20_000 * v)),
  ),
  floatTensor(
    "biasScales",
    [6],
    seededFloats(6, 3).map((v) => (0.002 + 0.001 * v) * 0.01),
  ),
  floatTensor("xs", [], Float32Array.of(0.01)),
  floatTensor("hs", [], Float32Array.of(0.02)),
  floatTensor("ys", [], Float32Array.of(STEP)),
  integerTensor("half", [], DataType.UINT8, Uint8Array.of(128)),
  integerTensor("zero", [], DataType.UINT8, Uint8Array.of(0)),
];

const pair = (from: string, to: string, scale: string, zero: string): Node[] => [
  op("QuantizeLinear", [from, scale, zero], [`${to}_c`]),
  op("DequantizeLinear", [`${to}_c`, scale, zero], [to]),
];

interface Form {
  readonly steps: (level: number) => Node[];
  readonly relu?: boolean;
  readonly zero?: string;
  readonly isRounded?: boolean;
  readonly more?: Tensor[];
}

/**
 * Each level: codes of x → Conv → codes → steps from %h to %r → (Relu) → codes. The levels share the codes of the
 * weight.
 */
function levels({ steps, relu = true, zero = "zero", isRounded = true, more = [] }: Form): Model {
  const nodes = LEVELS.flatMap((k) => {
    const own = steps(k).map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (/^[hr]\d?$/.test(name) ? `${name}_${k}` : name)),
      outputs: node.outputs.map((name) => `${name}_${k}`),
    }));
    return [
      ...pair(`x${k}`, `x${k}_d`, "xs", "half"),
      op("DequantizeLinear", ["codes", "scales"], [`w${k}`], [int("axis", 0)]),
      op("DequantizeLinear", ["biasCodes", "biasScales"], [`b${k}`], [int("axis", 0)]),
      op("Conv", [`x${k}_d`, `w${k}`, `b${k}`], [isRounded ? `a${k}` : `h_${k}`]),
      ...(isRounded ? pair(`a${k}`, `h_${k}`, "hs", "half") : []),
      ...own,
      ...(relu ? [op("Relu", [`r_${k}`], [`z${k}`])] : []),
      ...pair(relu ? `z${k}` : `r_${k}`, `y${k}`, "ys", zero),
    ];
  });
  return tiny(nodes, { feed: FEED, outputs: LEVELS.map((k) => `y${k}`), initializers: [...constants, ...more] });
}

const norm = (k: number, sign = 1): Tensor[] => [
  floatTensor(
    `g${k}`,
    [6],
    seededFloats(6, k + 11).map((v) => sign * (1 + 0.5 * v)),
  ),
  floatTensor(`t${k}`, [6], seededFloats(6, k + 21)),
  floatTensor(
    `m${k}`,
    [6],
    seededFloats(6, k + 31).map((v) => 0.3 * v),
  ),
  floatTensor(
    `v${k}`,
    [6],
    seededFloats(6, k + 41).map((v) => 1 + 0.5 * v),
  ),
];
const normalizations: Form = {
  steps: (k) => [op("BatchNormalization", ["h", ...["g", "t", "m", "v"].map((name) => `${name}${k}`)], ["r"])],
  more: LEVELS.flatMap((k) => norm(k)),
};
const affine: Form = {
  steps: (k) => [op("Mul", ["h", `s${k}`], ["r1"]), op("Add", ["r1", `u${k}`], ["r"])],
  relu: false,
  zero: "half",
  more: LEVELS.flatMap((k) => [
    floatTensor(
      `s${k}`,
      [6, 1, 1],
      seededFloats(6, k + 51).map((v) => 1 + 0.5 * v),
    ),
    floatTensor(`u${k}`, [6, 1, 1], seededFloats(6, k + 61)),
  ]),
};

it.each<[string, Form, number]>([
  ["normalizations and their Relus", normalizations, 3],
  ["a scale and a shift", affine, 6],
])("takes %s into scales and biases, and the codes stay one", async (_, form, count) => {
  const model = levels(form);
  const result = await apply(foldInt8Scales(), model);
  expect(result.stats.stepsFolded).toBe(count);
  expect(model.graph.nodes.map(({ opType }) => opType).filter((name) => !name.endsWith("Linear"))).toEqual([
    "Conv",
    "Conv",
    "Conv",
  ]);
  expect(model.graph.initializers.filter(({ dataType }) => dataType === DataType.INT8)).toHaveLength(1);
  // Where a value lies between two codes, rounding of the last digit may take either.
  expect(difference(await run(levels({ ...form, isRounded: false }), FEED), await run(model, FEED))).toBeLessThan(
    STEP * 1.01,
  );
});

it("leaves what scales cannot hold, and what does not become codes", async () => {
  const negative: Form = { ...normalizations, more: LEVELS.flatMap((k) => norm(k, -1)) };
  const uncut: Form = { ...normalizations, zero: "half" };
  const huge: Form = {
    ...affine,
    more: affine.more!.map((tensor) =>
      tensor.name!.startsWith("u") ? floatTensor(tensor.name!, tensor.dims, new Float32Array(6).fill(1e6)) : tensor,
    ),
  };
  const [mixed, single] = [
    { ...affine, steps: (k: number) => [op("Add", ["h", `u${k}`], ["r1"]), op("Sigmoid", ["r1"], ["r"])] },
    affine,
  ];
  for (const form of [negative, uncut, mixed, huge])
    expect((await apply(foldInt8Scales(), levels(form))).modified).toBe(false);
  const oneScale = levels(single);
  for (const name of ["scales", "biasScales"]) {
    const at = oneScale.graph.initializers.findIndex((tensor) => tensor.name === name);
    oneScale.graph.initializers[at] = floatTensor(name, [], Float32Array.of(name === "scales" ? 0.002 : 0.00002));
  }
  for (const node of oneScale.graph.nodes) if (node.opType === "DequantizeLinear") node.attributes = [];
  expect((await apply(foldInt8Scales(), oneScale)).modified).toBe(false);
});
