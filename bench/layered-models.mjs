/** Models that benches make of very many small parts: layers, elementwise nodes, branches into one node. */
import { attribute } from "../build/ir/index.js";
import { DataType, floatTensor, makeNode, tensorValue } from "../build/index.js";
import { mulberry32 } from "../build/numeric/mulberry32.js";
import { modelOf } from "./made-models.mjs";

const WIDTH = 16;
const ACTIVATIONS = ["Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Softplus", "Erf"];

const value = (name, width = WIDTH) => tensorValue(name, DataType.FLOAT, [1, width]);
const times = (n, make) => Array.from({ length: n }, (_, k) => make(k));
const noise = (seed) => {
  const random = mulberry32(seed);
  return (dims, scale) =>
    floatTensor(
      "",
      dims,
      Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => (random() - 0.5) * scale),
    );
};
/** x → part → part → … → y, each part of one or more nodes. */
const chained = (n, part) =>
  times(n, (k) => part(k === 0 ? "x" : `v${k - 1}`, k === n - 1 ? "y" : `v${k}`, k)).flat();

/** `n` times MatMul, Add and Tanh of 16 values: two constants a layer, the larger of 1 KiB. */
export function mlp(n) {
  const make = noise(1);
  return modelOf({
    inputs: [value("x")],
    outputs: [value("y")],
    nodes: chained(n, (from, to, k) => [
      makeNode("MatMul", [from, `w${k}`], [`m${k}`]),
      makeNode("Add", [`m${k}`, `b${k}`], [`a${k}`]),
      makeNode("Tanh", [`a${k}`], [to]),
    ]),
    initializers: times(n, (k) => [
      { ...make([WIDTH, WIDTH], 1), name: `w${k}` },
      { ...make([WIDTH], 0.1), name: `b${k}` },
    ]).flat(),
  });
}

/** `n` elementwise nodes of seven kinds, one behind the other. */
export function chain(n) {
  return modelOf({
    inputs: [value("x")],
    outputs: [value("y")],
    nodes: chained(n, (from, to, k) => makeNode(ACTIVATIONS[k % ACTIVATIONS.length], [from], [to])),
  });
}

/** `n` MatMul of the one input, whose results one Concat joins. */
export function wide(n) {
  const make = noise(2);
  const outputs = times(n, (k) => `m${k}`);
  return modelOf({
    inputs: [value("x")],
    outputs: [value("y", 4 * n)],
    nodes: [
      ...outputs.map((output, k) => makeNode("MatMul", ["x", `w${k}`], [output])),
      makeNode("Concat", outputs, ["y"], [attribute.int("axis", 1)]),
    ],
    initializers: times(n, (k) => ({ ...make([WIDTH, 4], 1), name: `w${k}` })),
  });
}
