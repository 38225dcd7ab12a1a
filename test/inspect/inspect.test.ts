import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import {
  attribute,
  DataType,
  floatTensor,
  integerTensor,
  int64Tensor,
  makeNode,
  tensorValue,
  type FunctionDef,
  type Model,
  type Tensor,
} from "../../src/ir/index.js";
import { encodeModelBytes, readModel, writeModel } from "../../src/onnx/index.js";
import { inspect } from "../../src/inspect/inspect.js";
import { fixture } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { branch, FLAG, tiny, X } from "../support/tiny-models.js";
import { floats } from "../support/running.js";
import { matMulModel } from "../support/mat-mul-model.js";

const temporary = temporaryFolder();
const floatsOf = (name: string, dims: number[], values: number[]): Tensor =>
  floatTensor(name, dims, Float32Array.from(values));
const symbolic = (model: Model, shape: (number | string | undefined)[]): Model => {
  model.graph.inputs = [tensorValue("x", DataType.FLOAT, shape)];
  return model;
};

it("counts operators in bodies and functions, each in its domain", async () => {
  const model = tiny(
    [
      makeNode(
        "If",
        ["c"],
        ["y"],
        [
          branch("then_branch", [makeNode("Relu", ["x"], ["t"])]),
          branch("else_branch", [makeNode("Neg", ["x"], ["e"])]),
        ],
      ),
      { ...makeNode("Relu", ["y"], ["z"]), domain: "my" },
    ],
    { feed: { ...X, ...FLAG } },
  );
  const relu: FunctionDef = {
    name: "Relu",
    domain: "my",
    inputs: ["a"],
    outputs: ["b"],
    attributeNames: [],
    attributeDefaults: [],
    nodes: [makeNode("Abs", ["a"], ["b"])],
    opsetImports: [],
    valueInfo: [],
  };
  model.functions = [relu];
  const { operators, nodes } = await inspect(model);
  expect(
    Object.fromEntries(operators.map(({ domain, opType, count }) => [`${domain}.${opType}`, count])),
  ).toEqual({ "ai.onnx.If": 1, "ai.onnx.Relu": 1, "ai.onnx.Neg": 1, "my.Relu": 1, "ai.onnx.Abs": 1 });
  expect(nodes.map(({ name, scope }) => [name, scope])).toEqual([
    ["y", ""],
    ["z", ""],
    ["t", "y/then_branch"],
    ["e", "y/else_branch"],
    ["b", "my.Relu()"],
  ]);
});

it("describes the values of a weight: range, zeros, distinct values, and values that are not finite", async () => {
  const model = tiny([makeNode("Add", ["x", "w"], ["m"]), makeNode("Mul", ["m", "v"], ["y"])], {
    initializers: [
      floatsOf("w", [2, 3], [0, -0, 1.5, -2, NaN, Infinity]),
      integerTensor(
        "v",
        [300],
        DataType.UINT16,
        Uint16Array.from({ length: 300 }, (_, i) => i),
      ),
    ],
  });
  const { weights } = await inspect(model);
  expect(weights[0]).toMatchObject({
    name: "w",
    node: "m",
    opType: "Add",
    input: 1,
    type: "float",
    shape: [2, 3],
    elements: 6,
    bytes: 24,
    stored: "inline",
  });
  expect(weights[0]?.statistics).toEqual({ zeros: 2, nan: 1, infinite: 1, min: -2, max: 1.5, distinct: 5 });
  expect(weights[1]?.statistics).toEqual({ zeros: 1, nan: 0, infinite: 0, min: 0, max: 299, distinct: null });
});

it.each<[string, Tensor, [min: number, max: number]]>([
  ["float16", integerTensor("w", [2], DataType.FLOAT16, Uint16Array.of(0x3c00, 0xc000)), [-2, 1]],
  [
    "int4, the first in the low bits",
    integerTensor("w", [3], DataType.INT4, Uint8Array.of(0x78, 0x0f)),
    [-8, 7],
  ],
  ["uint2", integerTensor("w", [3], DataType.UINT2, Uint8Array.of(0b111001)), [1, 3]],
  ["int64", int64Tensor("w", [-5, 9]), [-5, 9]],
])("reads %s", async (_, tensor, [min, max]) => {
  expect(
    (await inspect(tiny([makeNode("Add", ["x", "w"], ["y"])], { initializers: [tensor] }))).weights[0]
      ?.statistics,
  ).toMatchObject({ min, max });
});

const stored = (): Model =>
  tiny(
    [
      makeNode("Cast", ["codes"], ["float"], [attribute.int("to", DataType.FLOAT)]),
      makeNode("Mul", ["float", "scale"], ["w"]),
      makeNode("MatMul", ["x", "w"], ["y"]),
    ],
    {
      initializers: [
        integerTensor("codes", [3, 2], DataType.INT8, Int8Array.of(1, -2, 3, 4, 0, 6)),
        floatsOf("scale", [2], [0.5, 0.25]),
      ],
    },
  );

it("counts the nodes that unpack a weight with the node that uses it", async () => {
  const { weights, operators, parameters, parameterBytes, sparsity } = await inspect(stored());
  expect(sparsity).toBeNull();
  expect(weights).toMatchObject([
    {
      name: "w",
      node: "y",
      opType: "MatMul",
      stored: "computed",
      constants: ["scale", "codes"],
      shape: [3, 2],
      elements: 6,
      bytes: 6 + 8,
      statistics: null,
    },
  ]);
  expect([parameters, parameterBytes]).toEqual([6, 14]);
  expect(operators.find(({ opType }) => opType === "MatMul")).toMatchObject({
    parameters: 6,
    bytes: 14,
    macs: 2 * 3 * 2,
  });
});

it("computes such a weight if the model is run", async () => {
  const { weights, sparsity } = await inspect(stored(), { run: true });
  // 1 · 0.5, -2 · 0.25, 3 · 0.5, 4 · 0.25, 0, 6 · 0.25
  expect(weights[0]?.statistics).toEqual({ zeros: 1, nan: 0, infinite: 0, min: -0.5, max: 1.5, distinct: 5 });
  expect(sparsity).toBeCloseTo(1 / 6);
});

it("counts the constants of a function once, however often it is called", async () => {
  const call = (input: string, output: string) => ({ ...makeNode("Shift", [input], [output]), domain: "my" });
  const model = tiny([call("x", "m"), call("m", "y")]);
  const nodes = [
    makeNode("Constant", [], ["w"], [attribute.tensor("value", floatsOf("", [2, 3], [1, 2, 3, 4, 5, 6]))]),
    makeNode("Add", ["a", "w"], ["b"]),
  ];
  model.functions = [
    {
      name: "Shift",
      domain: "my",
      inputs: ["a"],
      outputs: ["b"],
      attributeNames: [],
      attributeDefaults: [],
      nodes,
      opsetImports: [],
      valueInfo: [],
    },
  ];
  const { parameterBytes, parts } = await inspect(model);
  expect([parameterBytes, parts.constantNodes]).toEqual([24, 24]);
});

it("counts the work of a function with its call, bodies included", async () => {
  const body = [
    makeNode("MatMul", ["a", "w"], ["m"]),
    makeNode(
      "If",
      ["c"],
      ["b"],
      [
        branch("then_branch", [makeNode("MatMul", ["a", "w"], ["t"])]),
        branch("else_branch", [makeNode("Neg", ["m"], ["e"])]),
      ],
    ),
  ];
  const model = tiny([{ ...makeNode("Block", ["x", "w", "c"], ["y"]), domain: "my" }], {
    feed: { ...X, ...FLAG },
    initializers: [floatsOf("w", [3, 4], Array<number>(12).fill(1))],
  });
  model.functions = [
    {
      name: "Block",
      domain: "my",
      inputs: ["a", "w", "c"],
      outputs: ["b"],
      attributeNames: [],
      attributeDefaults: [],
      nodes: body,
      opsetImports: [],
      valueInfo: [],
    },
  ];
  const { operators, weights, macs } = await inspect(model);
  expect(operators[0]).toMatchObject({
    domain: "my",
    opType: "Block",
    parameters: 12,
    bytes: 48,
    macs: 2 * 3 * 4 * 2,
    unknownMacs: 0,
  });
  expect([macs, weights[0]?.node]).toEqual([48, "y"]);
});

it("accounts for every byte of the files", async () => {
  const model = tiny(
    [
      makeNode("Constant", [], ["c"], [attribute.tensor("value", floatsOf("", [3], [1, 2, 3]))]),
      makeNode("Add", ["x", "c"], ["m"]),
      makeNode("Add", ["m", "w"], ["y"]),
    ],
    { initializers: [floatsOf("w", [2, 3], [1, 2, 3, 4, 5, 6])] },
  );
  model.docString = "four";
  model.metadata = [{ key: "k", value: "value" }];
  const bytes = encodeModelBytes(model);
  const { parts, fileBytes } = await inspect(bytes);
  expect(parts).toMatchObject({
    initializers: 24,
    constantNodes: 12,
    docStrings: 4,
    metadata: 6,
    external: 0,
  });
  expect(Object.values(parts as unknown as Record<string, number>).reduce((sum, part) => sum + part, 0)).toBe(
    bytes.byteLength,
  );
  expect(fileBytes).toBe(bytes.byteLength);
});

it("says that tensors are in another file, and describes their values", async () => {
  const w = floatsOf("w", [2, 3], [1, 2, 3, 4, 5, 6]);
  const external = { location: "w.bin", offset: 0, length: 24, load: () => w.raw ?? new Uint8Array() };
  const model = tiny([makeNode("Add", ["x", "w"], ["y"])], {
    initializers: [{ name: "w", dims: [2, 3], dataType: DataType.FLOAT, external }],
  });
  const { weights, parts, externalTensors } = await inspect(model);
  expect(weights[0]).toMatchObject({ stored: "external", bytes: 24, statistics: { min: 1, max: 6 } });
  expect([parts.external, parts.initializers, externalTensors]).toEqual([24, 0, 1]);
});

it("puts given sizes in place of symbols", async () => {
  const model = symbolic(matMulModel(), ["batch", 2]);
  model.graph.outputs = [tensorValue("y", DataType.FLOAT, ["batch", 2])];
  const open = symbolic(matMulModel(), [2, "length", 2]);
  open.graph.outputs = [{ name: "y" }];
  expect(await inspect(open)).toMatchObject({
    macs: null,
    unknownMacs: 1,
    activations: { totalBytes: null, peakBytes: null, unknown: 1 },
    notes: [],
  });
  for (const sizes of [{ dims: { batch: 5 } }, { shapes: { x: [5, 2] } }]) {
    expect(await inspect(model, sizes)).toMatchObject({
      macs: 5 * 2 * 2,
      unknownMacs: 0,
      activations: { totalBytes: 40 },
      inputs: [{ shape: [5, 2] }],
      outputs: [{ shape: [5, 2] }],
    });
  }
  expect(model.graph.inputs[0]?.type?.tensor?.shape).toEqual(["batch", 2]);
});

it.each<[string, Parameters<typeof inspect>[1] & object, string, RegExp]>([
  [
    "an input that is none",
    { shapes: { y: [1, 2] } },
    "UNMATCHED_SELECTOR",
    /"y" is not an input of the model\..*It has "x"/,
  ],
  ["a symbol that is none", { dims: { btach: 1 } }, "UNMATCHED_SELECTOR", /Did you mean "batch"/],
  [
    "another rank",
    { shapes: { x: [1, 2, 3] } },
    "BAD_OPTION",
    /has 2 dimensions, \[batch, 2\], but 3 are given/,
  ],
  ["a size that is fixed", { shapes: { x: [1, 3] } }, "BAD_OPTION", /dimension 1 is fixed to 2/],
  ["a negative size", { shapes: { x: [-1, 2] } }, "BAD_OPTION", /1 or more, not -1/],
  ["a broken size", { dims: { batch: 1.5 } }, "BAD_OPTION", /not 1\.5/],
  [
    "two sizes for one symbol",
    { dims: { batch: 2 }, shapes: { x: [3, 2] } },
    "BAD_OPTION",
    /"batch" = 2 in the model, so it cannot be 3/,
  ],
  [
    "sizes without end",
    { shapes: { x: [Number.MAX_SAFE_INTEGER, 2] } },
    "BAD_OPTION",
    /has too many elements/,
  ],
])("refuses %s", async (_, options, code, message) => {
  const model = symbolic(matMulModel(), ["batch", 2]);
  await expect(inspect(model, options)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  });
});

it("refuses a run if a size other than the batch is open", async () => {
  const model = symbolic(matMulModel(), ["batch", "width"]);
  await expect(inspect(model, { run: true })).rejects.toMatchObject({
    code: "BAD_OPTION",
    message: expect.stringContaining("dims: { width: 1 }, or shapes: { x: … }") as string,
  });
});

it("finds the peak of bytes in use at once", async () => {
  // x 24 → a 24 (x stays: it is fed), b 24, then a dies: 24 + 24 + 24.
  const chain = tiny([
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Neg", ["a"], ["b"]),
    makeNode("Abs", ["b"], ["y"]),
  ]);
  expect((await inspect(chain)).activations).toEqual({ totalBytes: 72, peakBytes: 72, unknown: 0 });
  // Kept for the last node, a lives beside b and c.
  const skip = tiny([
    makeNode("Relu", ["x"], ["a"]),
    makeNode("Neg", ["a"], ["b"]),
    makeNode("Abs", ["b"], ["c"]),
    makeNode("Add", ["a", "c"], ["y"]),
  ]);
  expect((await inspect(skip)).activations.peakBytes).toBe(96);
  // x 24, a and b 48 each; the largest of b alone is little.
  const narrow = tiny([
    makeNode("Concat", ["x", "x"], ["a"], [attribute.int("axis", 0)]),
    makeNode("Neg", ["a"], ["b"]),
    makeNode("ReduceMax", ["b"], ["y"], [attribute.ints("axes", [0, 1])]),
  ]);
  expect((await inspect(narrow)).activations).toEqual({
    totalBytes: 48 + 48 + 4,
    peakBytes: 24 + 48 + 48,
    unknown: 0,
  });
});

it("gets sizes that cannot be inferred from a run on zeros", async () => {
  // The cosine of zeros is one everywhere, so six indices are found.
  const model = tiny(
    [
      makeNode("Cos", ["x"], ["ones"]),
      makeNode("NonZero", ["ones"], ["found"]),
      makeNode("Cast", ["found"], ["f"], [attribute.int("to", DataType.FLOAT)]),
      makeNode("Transpose", ["f"], ["t"]),
      makeNode("MatMul", ["t", "w"], ["y"]),
    ],
    { initializers: [floatTensor("w", [2, 5], new Float32Array(10))] },
  );
  expect(await inspect(model)).toMatchObject({ macs: null, unknownMacs: 1, sizesFrom: "inference" });
  expect(await inspect(model, { run: true })).toMatchObject({
    macs: 6 * 2 * 5,
    unknownMacs: 0,
    sizesFrom: "run",
  });
});

it("continues without a run if the model does not run on zeros", async () => {
  const { warnings, sizesFrom } = await inspect(
    tiny([{ ...makeNode("Unheard", ["x"], ["y"]), domain: "of.this" }]),
    { run: true },
  );
  expect(sizesFrom).toBe("inference");
  expect(warnings).toEqual([expect.stringContaining("The model was not run")]);
});

it.each([
  ["lenet", 651_720],
  ["mbv2", 8_715_264],
  ["resnet", 86_869_248],
])("counts the MACs of %s as onnx's own shape inference gives them", async (name, expected) => {
  expect(await inspect(fixture(`models/${name}.onnx`), { dims: { N: 1 }, run: true })).toMatchObject({
    macs: expected,
    unknownMacs: 0,
  });
});

it("says what passes would do with each node, and does not change the model", async () => {
  const bytes = new Uint8Array(readFileSync(fixture("models/lenet.onnx")));
  const path = `${temporary.path}/lenet.onnx`;
  const model = readModel(bytes);
  const { possibilities } = await inspect(model, { possibilities: true });
  const told = (pass: string, calibrated: boolean, status: string): string[] =>
    (possibilities ?? [])
      .filter((p) => p.pass === pass && p.calibrated === calibrated && p.status === status)
      .map(({ node }) => String(node));
  expect(told("quantize-int8", true, "changed")).toEqual(
    expect.arrayContaining(["/conv1/Conv", "/conv2/Conv", "/fc1/Gemm", "/fc2/Gemm", "/fc3/Gemm"]),
  );
  expect(told("quantize-int8", false, "kept")).toEqual(
    expect.arrayContaining(["/conv1/Conv", "/conv2/Conv"]),
  );
  expect(told("prune-magnitude", false, "kept").sort()).toEqual(["/conv1/Conv", "/fc3/Gemm"]);
  expect(told("store-int8", false, "changed")).toContain("/fc1/Gemm");
  writeModel(model, path);
  expect(new Uint8Array(readFileSync(path))).toEqual(bytes);
});

it("lists a pass that needs no data once, and a failing one in a warning", async () => {
  const broken = matMulModel(Float32Array.of(1, NaN, 3, 4));
  const { possibilities, warnings } = await inspect(
    tiny([makeNode("MatMul", ["x", "w"], ["y"])], {
      feed: { x: floats([1, 64]) },
      initializers: [floatTensor("w", [64, 64], new Float32Array(4096).fill(NaN))],
    }),
    { possibilities: true },
  );
  expect(
    new Set(possibilities?.filter(({ pass }) => pass === "store-int8").map(({ calibrated }) => calibrated)),
  ).toEqual(new Set([false]));
  expect(warnings).toEqual(expect.arrayContaining([expect.stringMatching(/could not be tried: .*"w"/)]));
  expect((await inspect(broken)).possibilities).toBeNull();
});

it("shows what it can of an invalid model, and its faults", async () => {
  const model = tiny([makeNode("Relu", ["missing"], ["y"])]);
  expect(await inspect(model, { possibilities: true })).toMatchObject({
    problems: ['node "y" (Relu) uses "missing" before it is defined'],
    possibilities: null,
  });
});

it("takes names for names", async () => {
  const model = tiny(
    [{ ...makeNode("__proto__", ["x", "__proto__"], ["constructor"]), domain: "__proto__" }],
    { initializers: [floatsOf("__proto__", [1], [1])] },
  );
  const { operators, weights } = await inspect(model, { shapes: { x: [2, 3] } });
  expect([operators[0]?.opType, weights[0]?.name]).toEqual(["__proto__", "__proto__"]);
});
