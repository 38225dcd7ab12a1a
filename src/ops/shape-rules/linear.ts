/** Products, reductions and recurrent layers. */
import { DataType, intAttribute, stringAttribute } from "../../ir/index.js";
import type { Dimension } from "../../ir/index.js";
import {
  axesAt,
  broadcast,
  rows,
  typed,
  unknown,
  type Call,
  type Known,
  type Rule,
  type Shape,
} from "./call.js";

function product(a: Shape, b: Shape): Shape {
  if (!a || !b || a.length === 0 || b.length === 0) return undefined;
  const batch = broadcast([a.slice(0, -2), b.slice(0, -2)]) ?? [];
  return [...batch, ...(a.length === 1 ? [] : [a.at(-2)]), ...(b.length === 1 ? [] : [b.at(-1)])];
}

const matMul: Rule = ({ inputs: [a, b] }) => [
  typed(a?.elementType ?? b?.elementType, product(a?.shape, b?.shape)),
];
const integerMatMul: Rule = ({ inputs: [a, b] }) => [typed(DataType.INT32, product(a?.shape, b?.shape))];
const quantizedMatMul: Rule = ({ inputs: [a, , , b, , , , zero] }) => [
  typed(zero?.elementType, product(a?.shape, b?.shape)),
];

const gemm: Rule = ({ node, inputs: [a, b] }) => [
  typed(a?.elementType ?? b?.elementType, [
    a?.shape?.[intAttribute(node, "transA", 0) === 0 ? 0 : 1],
    b?.shape?.[intAttribute(node, "transB", 0) === 0 ? 1 : 0],
  ]),
];

const reduction: Rule = (call) => {
  const [x] = call.inputs;
  return [typed(x?.elementType, reduced(call))];
};

function reduced(call: Call): Shape {
  const shape = call.inputs[0]?.shape;
  if (!shape) return undefined;
  const keeps = intAttribute(call.node, "keepdims", 1) !== 0;
  const isGiven =
    call.node.attributes.some(({ name }) => name === "axes") || (call.node.inputs[1] ?? "") !== "";
  let axes = isGiven ? axesAt(call, 1, shape.length) : [];
  if (!axes) return keeps ? unknown(shape.length) : undefined;
  if (axes.length === 0) {
    if (intAttribute(call.node, "noop_with_empty_axes", 0) !== 0) return shape;
    axes = shape.map((_, k) => k);
  }
  const gone = new Set(axes);
  return keeps ? shape.map((dim, k) => (gone.has(k) ? 1 : dim)) : shape.filter((_, k) => !gone.has(k));
}

const position: Rule = ({ node, inputs: [x] }) => {
  const shape = x?.shape;
  if (!shape) return [typed(DataType.INT64, undefined)];
  const axis = intAttribute(node, "axis", 0);
  const at = axis < 0 ? axis + shape.length : axis;
  const keeps = intAttribute(node, "keepdims", 1) !== 0;
  return [
    typed(
      DataType.INT64,
      keeps ? shape.map((dim, k) => (k === at ? 1 : dim)) : shape.filter((_, k) => k !== at),
    ),
  ];
};

const recurrent: Rule = ({ node, inputs: [x, w] }) => {
  const type = x?.elementType ?? w?.elementType;
  const hidden = intAttribute(node, "hidden_size", undefined);
  const directions = stringAttribute(node, "direction", "forward") === "bidirectional" ? 2 : 1;
  const isBatchFirst = intAttribute(node, "layout", 0) !== 0;
  const [length, batch] = isBatchFirst ? [x?.shape?.[1], x?.shape?.[0]] : [x?.shape?.[0], x?.shape?.[1]];
  const state = typed(type, isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
  return [
    typed(type, isBatchFirst ? [batch, length, directions, hidden] : [length, directions, batch, hidden]),
    state,
    state,
  ];
};

/** Einsum: each letter is a size; an ellipsis stands for broadcast leading dimensions. */
const einsum: Rule = ({ node, inputs }): Known[] => {
  const equation = stringAttribute(node, "equation", "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  const type = inputs.find((x) => x)?.elementType;
  if (equation.includes(".") || terms.length !== inputs.length) return [typed(type, undefined)];
  const found = new Map<string, Dimension[]>();
  terms.forEach((term, k) =>
    Array.from(term).forEach((letter, axis) =>
      found.set(letter, [...(found.get(letter) ?? []), inputs[k]?.shape?.[axis]]),
    ),
  );
  const once = [...found.keys()]
    .filter((letter) => left.split(letter).length === 2)
    .sort()
    .join("");
  return [
    typed(
      type,
      Array.from(right ?? once).map(
        (letter) => broadcast((found.get(letter) ?? []).map((size) => [size]))?.[0],
      ),
    ),
  ];
};

const determinant: Rule = ({ inputs: [x] }) => [typed(x?.elementType, x?.shape?.slice(0, -2))];

export const LINEAR = [
  ...rows(matMul, "MatMul"),
  ...rows(integerMatMul, "MatMulInteger"),
  ...rows(quantizedMatMul, "QLinearMatMul"),
  ...rows(gemm, "Gemm"),
  ...rows(
    reduction,
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
  ),
  ...rows(position, "ArgMax", "ArgMin"),
  ...rows(recurrent, "LSTM", "GRU", "RNN"),
  ...rows(einsum, "Einsum"),
  ...rows(determinant, "Det"),
] as const;
