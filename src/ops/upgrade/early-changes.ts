/**
 * Changes up to version 7, except broadcasting, which is in limited-broadcast.ts. onnxruntime runs hardly any
 * of the older forms, so tests check them against closed forms and onnx's own reference evaluator. Models of
 * these versions come from Caffe2, CNTK and the first releases of PyTorch's exporter.
 */
import {
  attribute,
  DataType,
  dataTypeName,
  floatAttribute,
  getAttribute,
  int64Tensor,
  intAttribute,
  removeAttribute,
  setAttribute,
  stringAttribute,
  toNumbers,
} from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import type { AdapterRow, UpgradeScope } from "./adapter.js";

/** Operators that could name inputs to overwrite, a hint without effect on the result. */
const IN_PLACE = [
  "Abs",
  "Add",
  "BatchNormalization",
  "Ceil",
  "Clip",
  "Div",
  "Dropout",
  "Elu",
  "Exp",
  "Floor",
  "HardSigmoid",
  "InstanceNormalization",
  "LeakyRelu",
  "Log",
  "Max",
  "Mean",
  "Min",
  "Mul",
  "Neg",
  "PRelu",
  "Reciprocal",
  "Relu",
  "Selu",
  "Sigmoid",
  "Sqrt",
  "Sub",
  "Sum",
  "Tanh",
] as const;

export const EARLY_CHANGES: readonly AdapterRow[] = [
  {
    operators: ["Pad"],
    since: 2,
    adapt: () =>
      "version 1 described the order of its paddings in two ways that contradict each other; export the model again",
  },
  { operators: ["Split"], since: 2, adapt: splitByAttribute },
  { operators: ["LpPool", "GlobalLpPool"], since: 2, adapt: wholeNorm },
  { operators: ["Concat"], since: 4, adapt: nameAxis },
  { operators: ["Reshape"], since: 5, adapt: dropHint },
  { operators: IN_PLACE, since: 6, adapt: dropHint },
  { operators: ["Cast"], since: 6, adapt: numberType },
  { operators: ["Selu"], since: 6, adapt: keepConstants },
  { operators: ["Tile"], since: 6, adapt: repeatPerAxis },
  { operators: ["BatchNormalization", "Dropout"], since: 7, adapt: requireTestMode },
  { operators: ["RNN", "GRU", "LSTM"], since: 7, adapt: nameOutputs },
  { operators: ["Upsample"], since: 7, adapt: scalePerAxis },
];

function dropHint(node: Node): undefined {
  removeAttribute(node, "consumed_inputs");
}

function splitByAttribute(node: Node, scope: UpgradeScope): string | undefined {
  const given = node.inputs[1] ?? "";
  if (given === "") return undefined;
  const sizes = scope.constant(given);
  if (!sizes) return "the sizes of its parts are computed, which later versions do not support until 13";
  setAttribute(node, attribute.ints("split", toNumbers(sizes)));
  node.inputs.length = 1;
  return undefined;
}

function wholeNorm(node: Node): string | undefined {
  const p = floatAttribute(node, "p", 2);
  if (!Number.isInteger(p)) return `its norm p = ${p} must be an integer since version 2`;
  setAttribute(node, attribute.int("p", p));
  return undefined;
}

function nameAxis(node: Node): undefined {
  if (!getAttribute(node, "axis")) setAttribute(node, attribute.int("axis", 1));
}

const TYPES: ReadonlyMap<string, number> = new Map(
  Object.values(DataType).map((type) => [dataTypeName(type).toUpperCase(), type]),
);

function numberType(node: Node): string | undefined {
  const name = stringAttribute(node, "to", "");
  const type = TYPES.get(name.toUpperCase());
  if (type === undefined || type === DataType.UNDEFINED)
    return `it casts to "${name}", which is not an element type`;
  setAttribute(node, attribute.int("to", type));
  return undefined;
}

/** The default constants became more precise. */
function keepConstants(node: Node): undefined {
  for (const [name, value] of [
    ["alpha", 1.6732],
    ["gamma", 1.0507],
  ] as const)
    setAttribute(node, attribute.float(name, floatAttribute(node, name, value)));
}

/** It repeated one axis; now every axis has a count. */
function repeatPerAxis(node: Node, scope: UpgradeScope): string | undefined {
  const rank = scope.type(node.inputs[0] ?? "")?.shape?.length;
  const [tiles, axis] = [1, 2]
    .map((index) => scope.constant(node.inputs[index] ?? ""))
    .map((tensor) => tensor && toNumbers(tensor)[0]);
  if (rank === undefined || tiles === undefined || axis === undefined)
    return "its number of repeats, its axis or its rank is not known before it runs";
  const repeats = Array.from({ length: rank }, (_, k) => (k === axis ? tiles : 1));
  node.inputs = [
    node.inputs[0] ?? "",
    scope.addConstant({ ...int64Tensor("", repeats), name: `${node.outputs[0]}_repeats` }),
  ];
  return undefined;
}

/**
 * Without `is_test`, both were in training mode: BatchNormalization used the batch's statistics, Dropout
 * dropped values at random.
 */
function requireTestMode(node: Node, scope: UpgradeScope): string | undefined {
  if (intAttribute(node, "is_test", 0) === 0)
    return (
      "it is in training mode (is_test = 0), where its result is random or depends on the " +
      "rest of the batch; export the model for inference"
    );
  if (node.outputs.slice(1).some((name) => scope.isUsed(name)))
    return "an output is used that is filled in training mode only (is_test = 0)";
  removeAttribute(node, "is_test");
  node.outputs.length = Math.min(1, node.outputs.length);
  return undefined;
}

/** Which outputs are present follows from their names. */
function nameOutputs(node: Node): undefined {
  removeAttribute(node, "output_sequence");
}

function scalePerAxis(node: Node): undefined {
  const height = getAttribute(node, "height_scale");
  if (!height) return;
  setAttribute(
    node,
    attribute.floats("scales", [1, 1, height.f ?? 1, floatAttribute(node, "width_scale", 1)]),
  );
  for (const name of ["height_scale", "width_scale"]) removeAttribute(node, name);
  if (stringAttribute(node, "mode", "nearest") === "bilinear")
    setAttribute(node, attribute.string("mode", "linear"));
}
