/** Operators that pick elements, count them, or make tensors from sizes. */
import { DataType, elementCount, getAttribute, intAttribute, toNumbers } from "../../ir/index.js";
import type { Dimension } from "../../ir/index.js";
import { normalAxis } from "../weights.js";
import { broadcast, MAX_SHAPE_LENGTH, rows, sizesAt, typed, unknown, type Call, type Rule } from "./call.js";

const gather: Rule = ({ node, inputs: [x, indices] }) => {
  const axis = normalAxis(intAttribute(node, "axis", 0), x?.shape?.length ?? 0);
  const shape =
    x?.shape && indices?.shape
      ? [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]
      : undefined;
  return [typed(x?.elementType, shape)];
};

const gatherElements: Rule = ({ inputs: [x, indices] }) => [typed(x?.elementType, indices?.shape)];

const gatherNd: Rule = ({ node, inputs: [x, indices] }) => {
  const batch = intAttribute(node, "batch_dims", 0);
  const depth = indices?.shape?.at(-1);
  const shape =
    x?.shape && indices?.shape && typeof depth === "number"
      ? [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)]
      : undefined;
  return [typed(x?.elementType, shape)];
};

const shapeOf: Rule = ({ node, inputs: [x] }) => {
  const rank = x?.shape?.length;
  if (rank === undefined) return [typed(DataType.INT64, [undefined])];
  return [
    typed(DataType.INT64, [
      shapeRange(intAttribute(node, "start", 0), intAttribute(node, "end", rank), rank).length,
    ]),
  ];
};

/** The axes that Shape reads, with its optional bounds. */
export function shapeRange(start: number, end: number, rank: number): number[] {
  const clamp = (at: number): number => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  return Array.from({ length: Math.max(0, clamp(end) - clamp(start)) }, (_, k) => clamp(start) + k);
}

const constantOfShape: Rule = (call) => {
  const length = call.inputs[0]?.shape?.[0];
  const shape =
    sizesAt(call, "shape", 0) ??
    (typeof length === "number" && length <= MAX_SHAPE_LENGTH ? unknown(length) : undefined);
  return [typed(getAttribute(call.node, "value")?.t?.dataType ?? DataType.FLOAT, shape)];
};

const expand: Rule = ({ inputs: [x, target], value }) => {
  const length = target?.shape?.[0];
  const shape =
    value(1) ?? (typeof length === "number" && length <= MAX_SHAPE_LENGTH ? unknown(length) : undefined);
  return [typed(x?.elementType, broadcast([x?.shape, shape]))];
};

const topK: Rule = (call) => {
  const [x] = call.inputs;
  const axis = normalAxis(intAttribute(call.node, "axis", -1), x?.shape?.length ?? 0);
  const count = sizesAt(call, "k", 1)?.[0] ?? intAttribute(call.node, "k", undefined);
  const shape = x?.shape?.map((dim, k) => (k === axis ? count : dim));
  return [typed(x?.elementType, shape), typed(DataType.INT64, shape)];
};

const oneHot: Rule = ({ node, inputs: [indices, , values], value }) => {
  const rank = (indices?.shape?.length ?? 0) + 1;
  const axis = normalAxis(intAttribute(node, "axis", -1), rank);
  const shape = indices?.shape && [
    ...indices.shape.slice(0, axis),
    value(1)?.[0],
    ...indices.shape.slice(axis),
  ];
  return [typed(values?.elementType, shape)];
};

const range: Rule = ({ inputs: [x], constant, value }) => {
  const numbers = [0, 1, 2].map((index) => value(index)?.[0] ?? scalar(constant(index)));
  const [start, limit, step] = numbers;
  if (start === 0 && step === 1 && limit !== undefined && typeof limit === "string")
    return [typed(x?.elementType, [limit])];
  const count =
    typeof start === "number" && typeof limit === "number" && typeof step === "number" && step !== 0
      ? Math.max(0, Math.ceil((limit - start) / step))
      : undefined;
  return [typed(x?.elementType, [count])];
};

function scalar(tensor: ReturnType<Call["constant"]>): number | undefined {
  return tensor?.dataType === DataType.FLOAT || tensor?.dataType === DataType.DOUBLE
    ? elementCount(tensor) === 1
      ? toNumbers(tensor)[0]
      : undefined
    : undefined;
}

const nonZero: Rule = ({ inputs: [x] }) => [
  typed(DataType.INT64, [x?.shape?.length === 0 ? undefined : x?.shape?.length, undefined]),
];

const compress: Rule = ({ node, inputs: [x] }) => {
  const axis = intAttribute(node, "axis", undefined);
  const at = axis === undefined ? 0 : normalAxis(axis, x?.shape?.length ?? 0);
  return [
    typed(
      x?.elementType,
      axis === undefined ? [undefined] : x?.shape?.map((dim, k) => (k === at ? undefined : dim)),
    ),
  ];
};

const unique: Rule = ({ node, inputs: [x] }) => {
  const axis = intAttribute(node, "axis", undefined);
  const at = axis === undefined ? 0 : normalAxis(axis, x?.shape?.length ?? 0);
  const one = typed(DataType.INT64, [undefined]);
  return [
    typed(
      x?.elementType,
      axis === undefined ? [undefined] : x?.shape?.map((dim, k) => (k === at ? undefined : dim)),
    ),
    one,
    one,
    one,
  ];
};

const constantNode: Rule = ({ node }) => {
  const t = getAttribute(node, "value")?.t;
  return [t ? { elementType: t.dataType, shape: [...t.dims] } : undefined];
};

const likeInput: Rule = ({ node, inputs: [x] }) => [
  typed(intAttribute(node, "dtype", undefined) ?? x?.elementType, x?.shape),
];
const fromAttribute: Rule = ({ node }) => [
  typed(intAttribute(node, "dtype", DataType.FLOAT), getAttribute(node, "shape")?.ints?.map(Number)),
];
const windowFunction: Rule = ({ node, value }): ReturnType<Rule> => {
  const size: Dimension = value(0)?.[0];
  return [typed(intAttribute(node, "output_datatype", DataType.FLOAT), [size])];
};

export const CHOOSING = [
  ...rows(gather, "Gather"),
  ...rows(gatherElements, "GatherElements"),
  ...rows(gatherNd, "GatherND"),
  ...rows(shapeOf, "Shape"),
  ...rows(constantOfShape, "ConstantOfShape"),
  ...rows(expand, "Expand"),
  ...rows(topK, "TopK"),
  ...rows(oneHot, "OneHot"),
  ...rows(range, "Range"),
  ...rows(nonZero, "NonZero"),
  ...rows(compress, "Compress"),
  ...rows(unique, "Unique"),
  ...rows(constantNode, "Constant"),
  ...rows(likeInput, "EyeLike", "RandomNormalLike", "RandomUniformLike", "Bernoulli"),
  ...rows(fromAttribute, "RandomNormal", "RandomUniform"),
  ...rows(windowFunction, "BlackmanWindow", "HannWindow", "HammingWindow"),
  ...rows(() => [typed(DataType.INT64, [])], "Size"),
  ...rows(() => [typed(DataType.INT64, [undefined, 3])], "NonMaxSuppression"),
] as const;
