/**
 * Changes of single operators. Operators that are in no table changed only in their element types, in
 * attributes whose default is the old behaviour, or in wording. Checked against the onnx package's history of
 * versions 1 to 26, and by running old and new forms in onnxruntime. Newer changes of that kind: round_mode of
 * Cast (24), precision and output_dtype of QuantizeLinear and DequantizeLinear (23), the windows of Attention
 * (25). Three changes of wording are deliberately ignored, because onnxruntime always behaved as the newer text
 * says: OneHot's negative indices (11), the side on which ConvTranspose pads more (11), and negative axes
 * everywhere.
 */
import {
  attribute,
  getAttribute,
  int64Tensor,
  intAttribute,
  makeNode,
  nodeLabel,
  setAttribute,
  stringAttribute,
} from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import type { AdapterRow, UpgradeScope } from "./adapter.js";

export const OTHER_CHANGES: readonly AdapterRow[] = [
  {
    operators: ["Scan"],
    since: 9,
    adapt: () => "version 8 has a batch axis, which later versions do not have",
  },
  { operators: ["BatchNormalization"], since: 9, adapt: dropSpatial },
  { operators: ["Dropout"], since: 10, adapt: checkMask },
  { operators: ["Dropout"], since: 12, adapt: checkMask },
  { operators: ["Scatter"], since: 11, adapt: rename("ScatterElements") },
  { operators: ["BatchNormalization"], since: 14, adapt: requireInference },
  { operators: ["RoiAlign"], since: 16, adapt: keepHalfPixel },
  { operators: ["Split"], since: 18, adapt: countOutputs },
  { operators: ["GridSample"], since: 20, adapt: renameModes },
  { operators: ["GroupNormalization"], since: 21, adapt: scalePerChannel },
];

function rename(opType: string): AdapterRow["adapt"] {
  return (node) => {
    node.opType = opType;
    return undefined;
  };
}

function dropSpatial(node: Node): string | undefined {
  if (intAttribute(node, "spatial", 1) === 0)
    return "it normalizes each position separately (spatial = 0), which later versions do not support";
  node.attributes = node.attributes.filter((a) => a.name !== "spatial");
  return undefined;
}

function requireInference(node: Node): string | undefined {
  const isTraining = node.outputs.slice(1).some((name) => name !== "");
  return isTraining
    ? "it is in training mode (it has outputs for mean and variance), which later versions define differently"
    : undefined;
}

function checkMask(node: Node, scope: UpgradeScope): string | undefined {
  if (scope.isUsed(node.outputs[1] ?? ""))
    return "its mask is used, which became bool at version 10 and all true at version 12";
  // An unused mask may still be declared with its old type.
  node.outputs.length = 1;
  return undefined;
}

function keepHalfPixel(node: Node): undefined {
  setAttribute(node, attribute.string("coordinate_transformation_mode", "output_half_pixel"));
}

function countOutputs(node: Node): undefined {
  if (!node.inputs[1]) setAttribute(node, attribute.int("num_outputs", node.outputs.length));
}

const MODES: ReadonlyMap<string, string> = new Map([
  ["bilinear", "linear"],
  ["bicubic", "cubic"],
]);

function renameModes(node: Node): undefined {
  const mode = stringAttribute(node, "mode", "bilinear");
  if (getAttribute(node, "mode")) setAttribute(node, attribute.string("mode", MODES.get(mode) ?? mode));
}

/**
 * Scale and bias had one value per group and now have one per channel: each value is repeated for its group's
 * channels.
 */
function scalePerChannel(node: Node, scope: UpgradeScope): Node[] | string {
  const channels = scope.type(node.inputs[0] ?? "")?.shape?.[1];
  const groups = intAttribute(node, "num_groups", 0);
  if (typeof channels !== "number" || groups < 1)
    return "its number of channels is not known, and scale and bias need a value for each";
  const label = nodeLabel(node);
  const column = scope.addConstant(int64Tensor(`${label}_column`, [groups, 1]));
  const grid = scope.addConstant(int64Tensor(`${label}_grid`, [groups, channels / groups]));
  const flat = scope.addConstant(int64Tensor(`${label}_flat`, [channels]));
  const repeated = [1, 2].flatMap((index) => {
    const names = ["column", "grid", "channels"].map((what) =>
      scope.uniqueName(`${label}_${index === 1 ? "scale" : "bias"}_${what}`),
    ) as [string, string, string];
    const nodes = [
      makeNode("Reshape", [node.inputs[index] ?? "", column], [names[0]]),
      makeNode("Expand", [names[0], grid], [names[1]]),
      makeNode("Reshape", [names[1], flat], [names[2]]),
    ];
    node.inputs[index] = names[2];
    return nodes;
  });
  return [...repeated, node];
}
