/** How operators carry element types and shapes from inputs to outputs: a table by operator, for those where it is cheap. */
import { DataType, elementCount, getAttribute, intAttribute, intsAttribute, isOp, isStandard, toNumbers } from "../ir/index.js";
import type { Dimension, Node, Tensor, TensorType } from "../ir/index.js";
import { normalAxis } from "./weights.js";

type Known = TensorType | undefined;
type Shape = readonly Dimension[] | undefined;

/** One call: its node, what is known of its inputs, and the constant behind input `index`. */
interface Call {
  readonly node: Node;
  readonly inputs: readonly Known[];
  readonly constant: (index: number) => Tensor | undefined;
}

type Rule = (call: Call) => readonly Known[];

/** Values longer than this are no shapes or axes; they are not decoded. */
const MAX_SHAPE_LENGTH = 64;

/** Types of the node's outputs as far as they are known. */
export function inferOutputs(node: Node, inputs: readonly Known[], constant: (index: number) => Tensor | undefined): readonly Known[] {
  if (!isStandard(node) || !Object.hasOwn(RULES, node.opType)) return [];
  return RULES[node.opType]?.({ node, inputs, constant }) ?? [];
}

const first: Rule = ({ inputs }) => [inputs[0]];

function typed(elementType: number | undefined, shape: Shape): Known {
  return elementType === undefined ? undefined : { elementType, ...(shape ? { shape: [...shape] } : {}) };
}

function unknown(rank: number | undefined): Shape {
  return rank === undefined ? undefined : new Array<Dimension>(rank).fill(undefined);
}

const sameRank: Rule = ({ inputs: [x] }) => [typed(x?.elementType, unknown(x?.shape?.length))];

/** The shape of elementwise operators by numpy's broadcasting rule. */
function broadcast(shapes: readonly Shape[]): Shape {
  if (shapes.some((shape) => !shape)) return undefined;
  const rank = Math.max(0, ...shapes.map((shape) => shape?.length ?? 0));
  const aligned = shapes.map((shape = []) => [...new Array<Dimension>(rank - shape.length).fill(1), ...shape]);
  return Array.from({ length: rank }, (_, k) => {
    const sizes = aligned.map((shape) => shape[k]).filter((dim) => dim !== 1);
    // A size above 1 decides, whatever the others turn out to be; equal symbols stay; anything else is open.
    return sizes.length === 0 ? 1 : sizes.find((dim) => typeof dim === "number") ?? (sizes.every((dim) => dim === sizes[0]) ? sizes[0] : undefined);
  });
}

const elementwise: Rule = ({ inputs }) => [typed(inputs.find((x) => x)?.elementType, broadcast(inputs.map((x) => x?.shape)))];
const comparison: Rule = ({ inputs }) => [typed(DataType.BOOL, broadcast(inputs.map((x) => x?.shape)))];

function numbersAt({ node, constant }: Call, attribute: string, index: number): number[] | undefined {
  const given = intsAttribute(node, attribute);
  const tensor = given ? undefined : constant(index);
  return given ?? (tensor && elementCount(tensor) <= MAX_SHAPE_LENGTH ? toNumbers(tensor) : undefined);
}

const convolution: Rule = ({ node, inputs: [x, w] }) => {
  const rank = x?.shape?.length ?? w?.shape?.length;
  const perGroup = w?.shape?.[isOp(node, "Conv") ? 0 : 1];
  const channels = isOp(node, "Conv") ? perGroup : typeof perGroup === "number" ? perGroup * intAttribute(node, "group", 1) : undefined;
  return [typed(x?.elementType ?? w?.elementType, rank === undefined ? undefined : [x?.shape?.[0], channels, ...new Array<Dimension>(Math.max(0, rank - 2)).fill(undefined)])];
};

const pooling: Rule = ({ inputs: [x] }) => {
  const shape = x?.shape && [...x.shape.slice(0, 2), ...new Array<Dimension>(Math.max(0, x.shape.length - 2)).fill(undefined)];
  return [typed(x?.elementType, shape), typed(DataType.INT64, shape)];
};

const globalPooling: Rule = ({ inputs: [x] }) => [typed(x?.elementType, x?.shape?.map((dim, k) => (k < 2 ? dim : 1)))];

const reshape: Rule = (call) => {
  const [x] = call.inputs;
  const target = numbersAt(call, "shape", 1);
  const length = call.inputs[1]?.shape?.[0];
  if (!target) return [typed(x?.elementType, typeof length === "number" && length <= MAX_SHAPE_LENGTH ? unknown(length) : undefined)];
  return [typed(x?.elementType, target.map((dim, k) => (dim > 0 ? dim : dim === 0 ? x?.shape?.[k] : undefined)))];
};

const transpose: Rule = ({ node, inputs: [x] }) => {
  const shape = x?.shape;
  const permutation = intsAttribute(node, "perm") ?? shape?.map((_, k) => shape.length - 1 - k);
  return [typed(x?.elementType, shape && permutation?.map((k) => shape[k]))];
};

const flatten: Rule = ({ inputs: [x] }) => [typed(x?.elementType, unknown(2))];

const squeeze: Rule = (call) => {
  const [x] = call.inputs;
  const axes = numbersAt(call, "axes", 1)?.map((axis) => normalAxis(axis, x?.shape?.length ?? 0));
  return [typed(x?.elementType, axes && x?.shape?.filter((_, k) => !axes.includes(k)))];
};

const unsqueeze: Rule = (call) => {
  const [x] = call.inputs;
  const given = numbersAt(call, "axes", 1);
  if (!x?.shape || !given) return [typed(x?.elementType, undefined)];
  const rank = x.shape.length + given.length;
  const axes = given.map((axis) => normalAxis(axis, rank));
  const rest = [...x.shape];
  return [typed(x.elementType, Array.from({ length: rank }, (_, k) => (axes.includes(k) ? 1 : rest.shift())))];
};

const reduction: Rule = (call) => {
  const [x] = call.inputs;
  const rank = x?.shape?.length ?? 0;
  const axes = numbersAt(call, "axes", 1)?.map((axis) => normalAxis(axis, rank));
  if (intAttribute(call.node, "keepdims", 1) === 0) return [typed(x?.elementType, axes && x?.shape?.filter((_, k) => !axes.includes(k)))];
  return [typed(x?.elementType, axes ? x?.shape?.map((dim, k) => (axes.includes(k) ? 1 : dim)) : unknown(x?.shape?.length))];
};

const concat: Rule = ({ node, inputs }) => {
  const shape = inputs.find((x) => x?.shape)?.shape;
  const axis = normalAxis(intAttribute(node, "axis", 1), shape?.length ?? 0);
  const sizes = inputs.map((x) => x?.shape?.[axis]);
  const total = sizes.reduce<number | undefined>((sum, size) => (sum === undefined || typeof size !== "number" ? undefined : sum + size), 0);
  return [typed(inputs.find((x) => x)?.elementType, shape?.map((dim, k) => (k === axis ? total : dim)))];
};

const gather: Rule = ({ node, inputs: [x, indices] }) => {
  const axis = normalAxis(intAttribute(node, "axis", 0), x?.shape?.length ?? 0);
  const shape = x?.shape && indices?.shape ? [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] : undefined;
  return [typed(x?.elementType, shape)];
};

const matMul: Rule = ({ inputs: [a, b] }) => {
  if (!a?.shape || !b?.shape || a.shape.length < 2 || b.shape.length < 2) return [typed(a?.elementType ?? b?.elementType, undefined)];
  const batch = broadcast([a.shape.slice(0, -2), b.shape.slice(0, -2)]) ?? [];
  return [typed(a.elementType, [...batch, a.shape.at(-2), b.shape.at(-1)])];
};

const gemm: Rule = ({ node, inputs: [a, b] }) => [typed(a?.elementType ?? b?.elementType, [
  a?.shape?.[intAttribute(node, "transA", 0) === 0 ? 0 : 1], b?.shape?.[intAttribute(node, "transB", 0) === 0 ? 1 : 0],
])];

const recurrent: Rule = ({ node, inputs: [x, w] }) => {
  const type = x?.elementType ?? w?.elementType;
  const state = typed(type, unknown(3));
  const hidden = intAttribute(node, "hidden_size", undefined);
  const sequence = intAttribute(node, "layout", 0) === 0 ? [x?.shape?.[0], w?.shape?.[0], x?.shape?.[1], hidden] : unknown(4);
  return [typed(type, sequence), state, state];
};

const split: Rule = ({ node, inputs: [x] }) => {
  const axis = normalAxis(intAttribute(node, "axis", 0), x?.shape?.length ?? 0);
  const part = typed(x?.elementType, x?.shape?.map((dim, k) => (k === axis ? undefined : dim)));
  return node.outputs.map(() => part);
};

const shapeOf: Rule = ({ node, inputs: [x] }) => {
  const whole = intAttribute(node, "start", 0) === 0 && intAttribute(node, "end", undefined) === undefined;
  return [typed(DataType.INT64, [whole ? x?.shape?.length : undefined])];
};

const toShape: Rule = (call) => {
  const target = numbersAt(call, "shape", isOp(call.node, "ConstantOfShape") ? 0 : 1);
  const type = isOp(call.node, "ConstantOfShape") ? getAttribute(call.node, "value")?.t?.dataType ?? DataType.FLOAT : call.inputs[0]?.elementType;
  const expands = isOp(call.node, "Expand");
  return [typed(type, expands ? broadcast([call.inputs[0]?.shape, target]) : target)];
};

const topK: Rule = ({ inputs: [x] }) => [typed(x?.elementType, unknown(x?.shape?.length)), typed(DataType.INT64, unknown(x?.shape?.length))];
const compress: Rule = ({ node, inputs: [x] }) => [typed(x?.elementType, unknown(getAttribute(node, "axis") ? x?.shape?.length : 1))];
const cast: Rule = ({ node, inputs: [x] }) => [typed(intAttribute(node, "to", undefined), x?.shape)];
const constantNode: Rule = ({ node }) => {
  const t = getAttribute(node, "value")?.t;
  return [t ? { elementType: t.dataType, shape: [...t.dims] } : undefined];
};
const quantize: Rule = ({ node, inputs: [x, , zero] }) => {
  const named = intAttribute(node, "output_dtype", DataType.UNDEFINED);
  return [typed(named === DataType.UNDEFINED ? zero?.elementType ?? DataType.UINT8 : named, x?.shape)];
};
const dequantize: Rule = ({ inputs: [x, scale] }) => [typed(scale?.elementType, x?.shape)];
const where: Rule = ({ inputs: [c, a, b] }) => [typed(a?.elementType ?? b?.elementType, broadcast([c?.shape, a?.shape, b?.shape]))];

function rows(rule: Rule, ...operators: string[]): [string, Rule][] {
  return operators.map((operator) => [operator, rule]);
}

const RULES: Readonly<Record<string, Rule>> = Object.fromEntries([
  ...rows(first, "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BatchNormalization", "BitwiseNot", "Ceil", "Celu", "Clip", "Cos", "Cosh",
    "CumSum", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax", "Identity",
    "InstanceNormalization", "LRN", "LayerNormalization", "LeakyRelu", "Log", "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "Mish", "Neg",
    "RMSNormalization", "Reciprocal", "Relu", "Round", "Scatter", "ScatterElements", "ScatterND", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh",
    "Softmax", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Trilu"),
  ...rows(elementwise, "Add", "Div", "Max", "Mean", "Min", "Mod", "Mul", "PRelu", "Pow", "Sub", "Sum"),
  ...rows(comparison, "And", "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "Not", "Or", "Xor"),
  ...rows(sameRank, "Pad", "Slice", "Tile", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth"),
  ...rows(convolution, "Conv", "ConvTranspose"),
  ...rows(pooling, "AveragePool", "MaxPool", "LpPool"),
  ...rows(globalPooling, "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
  ...rows(reduction, "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
  ...rows(recurrent, "LSTM", "GRU", "RNN"),
  ...rows(toShape, "ConstantOfShape", "Expand"),
  ...rows(reshape, "Reshape"), ...rows(transpose, "Transpose"), ...rows(flatten, "Flatten"), ...rows(squeeze, "Squeeze"), ...rows(unsqueeze, "Unsqueeze"),
  ...rows(concat, "Concat"), ...rows(gather, "Gather"), ...rows(matMul, "MatMul"), ...rows(gemm, "Gemm"), ...rows(split, "Split"), ...rows(shapeOf, "Shape"),
  ...rows(topK, "TopK"), ...rows(cast, "Cast"), ...rows(compress, "Compress"), ...rows(constantNode, "Constant"), ...rows(where, "Where"),
  ...rows(quantize, "QuantizeLinear"), ...rows(dequantize, "DequantizeLinear"),
  ...rows(() => [typed(DataType.INT64, [])], "Size"),
  ...rows(({ inputs: [x] }) => [typed(DataType.INT64, x && [x.shape?.length, undefined])], "NonZero"),
  ...rows(() => [typed(DataType.INT64, undefined)], "ArgMax", "ArgMin"),
]);
