/** Operators that work element by element, and those whose output has the shape of an input. */
import { DataType, getAttribute, intAttribute } from "../../ir/index.js";
import { broadcast, rows, typed, type Rule, type Shape } from "./call.js";

const first: Rule = ({ inputs }) => [inputs[0]];

const elementwise: Rule = ({ node, inputs }) => {
  const shapes: Shape[] = inputs.map((x) => x?.shape);
  // Before version 7, the second operand was aligned to an axis of the first.
  const isOld = getAttribute(node, "broadcast") !== undefined;
  return [typed(inputs.find((x) => x)?.elementType, isOld ? shapes[0] : broadcast(shapes))];
};

const comparison: Rule = (call) => {
  const [result] = elementwise(call);
  return [typed(DataType.BOOL, result?.shape)];
};

const power: Rule = (call) => {
  const [result] = elementwise(call);
  return [typed(call.inputs[0]?.elementType, result?.shape)];
};
/** A slope may broadcast to the data, never the data to a slope. */
const slope: Rule = ({ inputs: [x] }) => [x];
const cast: Rule = ({ node, inputs: [x] }) => [typed(intAttribute(node, "to", undefined), x?.shape)];
const castLike: Rule = ({ inputs: [x, like] }) => [typed(like?.elementType, x?.shape)];
const where: Rule = ({ inputs: [c, a, b] }) => [
  typed(a?.elementType ?? b?.elementType, broadcast([c?.shape, a?.shape, b?.shape])),
];
const dropout: Rule = ({ inputs: [x] }) => [x, typed(DataType.BOOL, x?.shape)];
const layerNormalization: Rule = ({ inputs: [x] }) => [x];

const quantize: Rule = ({ node, inputs: [x, , zero] }) => {
  const named = intAttribute(node, "output_dtype", DataType.UNDEFINED);
  return [typed(named === DataType.UNDEFINED ? (zero?.elementType ?? DataType.UINT8) : named, x?.shape)];
};
const dequantize: Rule = ({ node, inputs: [x, scale] }) => {
  const named = intAttribute(node, "output_dtype", DataType.UNDEFINED);
  return [typed(named === DataType.UNDEFINED ? scale?.elementType : named, x?.shape)];
};
const dynamicQuantize: Rule = ({ inputs: [x] }) => [
  typed(DataType.UINT8, x?.shape),
  typed(DataType.FLOAT, []),
  typed(DataType.UINT8, []),
];

export const ELEMENTWISE = [
  ...rows(
    first,
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BatchNormalization",
    "BitwiseNot",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Cosh",
    "CumProd",
    "CumSum",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MeanVarianceNormalization",
    "Mish",
    "Neg",
    "RMSNormalization",
    "Reciprocal",
    "Relu",
    "ReverseSequence",
    "RotaryEmbedding",
    "Round",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "TensorScatter",
    "ThresholdedRelu",
    "Trilu",
  ),
  ...rows(layerNormalization, "LayerNormalization"),
  ...rows(dropout, "Dropout"),
  ...rows(
    elementwise,
    "Add",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Div",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Sub",
    "Sum",
  ),
  ...rows(power, "Pow"),
  ...rows(slope, "PRelu"),
  ...rows(
    comparison,
    "And",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Not",
    "Or",
    "Xor",
  ),
  ...rows(cast, "Cast", "BitCast"),
  ...rows(castLike, "CastLike"),
  ...rows(where, "Where"),
  ...rows(quantize, "QuantizeLinear"),
  ...rows(dequantize, "DequantizeLinear"),
  ...rows(dynamicQuantize, "DynamicQuantizeLinear"),
] as const;
