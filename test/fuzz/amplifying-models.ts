/** Models of a kilobyte or two that ask for endless work or memory: the ways in which a small file can grow. */
import {
  attribute, DataType, emptyGraph, int64Tensor, integerTensor, makeNode, tensorValue,
  type FunctionDef, type Graph, type Model, type Node, type Tensor,
} from "../../src/ir/index.js";

export interface Amplifier {
  readonly name: string;
  readonly model: Model;
}

interface Part {
  readonly nodes: readonly Node[];
  readonly initializers?: readonly Tensor[];
}

const OPSET = { domain: "", version: 17n };
const DOUBLINGS = 40;

/** What makes `huge`, one float or very many of them, from `one`, a float of shape [1]. */
const GROWTHS: Readonly<Record<string, (size: bigint) => Part>> = {
  constantOfShape: (size) => ({ nodes: [makeNode("ConstantOfShape", ["size"], ["huge"])], initializers: [sizes(size)] }),
  range: (size) => ({
    nodes: [makeNode("Range", ["start", "size", "step"], ["numbers"]), toFloat("numbers", "huge")],
    initializers: [scalar("start", 0n), scalar("size", size), scalar("step", 1n)],
  }),
  expand: (size) => ({ nodes: [makeNode("Expand", ["one", "size"], ["huge"])], initializers: [sizes(size)] }),
  tile: (size) => ({ nodes: [makeNode("Tile", ["one", "size"], ["huge"])], initializers: [sizes(size)] }),
  concat: () => ({
    nodes: Array.from({ length: DOUBLINGS }, (_, k) => makeNode(
      "Concat", Array<string>(2).fill(k === 0 ? "one" : `c${k}`), [k === DOUBLINGS - 1 ? "huge" : `c${k + 1}`],
      [attribute.int("axis", 0)],
    )),
  }),
  computedSize: (size) => ({
    nodes: [makeNode("Mul", ["size", "size"], ["square"]), makeNode("ConstantOfShape", ["square"], ["huge"])],
    initializers: [sizes(BigInt(Math.floor(Math.sqrt(Number(size)))))],
  }),
};

/**
 * Each growth on constants and on the model's input, in the main graph, within a body of If and within a function; and
 * loops and calls that multiply. `scale` is the exponent of two of what is asked for: 40 for the worst.
 */
export function amplifiers(scale: number): Amplifier[] {
  const size = 2n ** BigInt(scale);
  const grown = Object.entries(GROWTHS).flatMap(([name, growth]) => [
    { name: `${name} on constants`, model: summed(growth(size), true) },
    { name: `${name} on the input`, model: summed(growth(size), false) },
    { name: `${name} in a body`, model: inBody(growth(size)) },
  ]);
  const trips = 2n ** 62n;
  return [
    ...grown,
    { name: "functions on constants", model: nested(30, true) },
    { name: "functions on the input", model: nested(30, false) },
    { name: "loop on constants", model: looping(trips, true) },
    { name: "loop on the input", model: looping(trips, false) },
    { name: "heavy convolution", model: heavyConvolution() },
  ];
}

/** x plus the sum of what is grown from a constant, or from x itself. */
function summed({ nodes, initializers = [] }: Part, isConstant: boolean): Model {
  return modelOf({
    nodes: [
      ...(isConstant ? [] : [makeNode("Identity", ["x"], ["one"])]), ...nodes, total("huge", "sum"), makeNode("Add", ["x", "sum"], ["y"], [], "end"),
    ],
    initializers: [...(isConstant ? [one()] : []), ...initializers],
  });
}

function inBody({ nodes, initializers = [] }: Part): Model {
  const small = { ...emptyGraph("small"), nodes: [makeNode("Identity", ["x"], ["kept"])], outputs: [tensorValue("kept", DataType.FLOAT, [1])] };
  const large = { ...emptyGraph("large"), nodes: [...nodes, total("huge", "sum")], outputs: [tensorValue("sum", DataType.FLOAT, [1])] };
  return modelOf({
    nodes: [
      makeNode("Greater", ["x", "one"], ["isLarge"]), makeNode("Squeeze", ["isLarge"], ["choice"]),
      makeNode("If", ["choice"], ["y"], [attribute.graph("then_branch", small), attribute.graph("else_branch", large)], "end"),
    ],
    initializers: [one(), ...initializers],
  });
}

/** f1 calls f0 twice, f2 calls f1 twice, … */
function nested(depth: number, isConstant: boolean): Model {
  const functions = Array.from({ length: depth + 1 }, (_, k): FunctionDef => ({
    domain: "d", name: `f${k}`, inputs: ["a"], outputs: ["b"], attributeNames: [], attributeDefaults: [], opsetImports: [OPSET, { domain: "d", version: 1n }], valueInfo: [],
    nodes: k === 0 ? [makeNode("Neg", ["a"], ["b"])] : [call(k - 1, "a", "m"), call(k - 1, "m", "b")],
  }));
  const model = modelOf({ nodes: [call(depth, isConstant ? "one" : "x", "made"), makeNode("Add", ["x", "made"], ["y"], [], "end")], initializers: isConstant ? [one()] : [] });
  return { ...model, opsetImports: [OPSET, { domain: "d", version: 1n }], functions };
}

function call(k: number, from: string, to: string): Node {
  return { ...makeNode(`f${k}`, [from], [to]), domain: "d" };
}

function looping(trips: bigint, isConstant: boolean): Model {
  const body = {
    ...emptyGraph("body"),
    inputs: [tensorValue("i", DataType.INT64, []), tensorValue("go", DataType.BOOL, []), tensorValue("before", DataType.FLOAT, [1])],
    nodes: [makeNode("Identity", ["go"], ["goes"]), makeNode("Sin", ["before"], ["after"])],
    outputs: [tensorValue("goes", DataType.BOOL, []), tensorValue("after", DataType.FLOAT, [1])],
  };
  return modelOf({
    nodes: [
      makeNode("Loop", ["trips", "", isConstant ? "one" : "x"], ["made"], [attribute.graph("body", body)], "loop"), makeNode("Add", ["x", "made"], ["y"], [], "end"),
    ],
    initializers: [scalar("trips", trips), ...(isConstant ? [one()] : [])],
  });
}

/** Every value is within a million elements, and each of three takes 10¹² multiplications. */
function heavyConvolution(): Model {
  const pads = attribute.ints("pads", [500_000n, 500_000n]);
  return modelOf({
    nodes: [
      makeNode("Expand", ["one", "shape"], ["wide"]),
      makeNode("Conv", ["wide", "wide"], ["c1"], [pads]), makeNode("Conv", ["wide", "c1"], ["c2"], [pads]), makeNode("Conv", ["wide", "c2"], ["c3"], [pads]),
      makeNode("ReduceSum", ["c3"], ["all"], [attribute.int("keepdims", 0)]), makeNode("Add", ["x", "all"], ["y"], [], "end"),
    ],
    initializers: [one(), int64Tensor("shape", [1, 1, 1_000_000])],
  });
}

function modelOf({ nodes, initializers = [] }: Part): Model {
  const graph: Graph = {
    ...emptyGraph("g"), nodes: [...nodes], initializers: [...initializers],
    inputs: [tensorValue("x", DataType.FLOAT, [1])], outputs: [tensorValue("y", DataType.FLOAT, [1])],
  };
  return { irVersion: 8n, opsetImports: [OPSET], functions: [], trainingInfo: [], deviceConfigurations: [], graph };
}

function total(from: string, to: string): Node {
  return makeNode("ReduceSum", [from], [to], [attribute.int("keepdims", 1)]);
}

function toFloat(from: string, to: string): Node {
  return makeNode("Cast", [from], [to], [attribute.int("to", DataType.FLOAT)]);
}

function one(): Tensor {
  return integerTensor("one", [1], DataType.FLOAT, Float32Array.of(1));
}

function sizes(size: bigint): Tensor {
  return integerTensor("size", [1], DataType.INT64, BigInt64Array.of(size));
}

function scalar(name: string, value: bigint): Tensor {
  return integerTensor(name, [], DataType.INT64, BigInt64Array.of(value));
}
