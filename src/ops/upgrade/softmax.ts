/**
 * Before version 13, Softmax, LogSoftmax and Hardmax treated their input as a matrix, flattened at `axis`
 * (default 1), and worked along its rows. Since 13, they work along the single axis (default -1).
 */
import { attribute, intAttribute, makeNode, nodeLabel, setAttribute } from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import { staticCount } from "../shapes.js";
import { normalAxis } from "../weights.js";
import type { AdapterRow, UpgradeScope } from "./adapter.js";

export const SOFTMAX: readonly AdapterRow[] = [
  { operators: ["Softmax", "LogSoftmax", "Hardmax"], since: 13, adapt: alongOneAxis },
];

function alongOneAxis(node: Node, scope: UpgradeScope): Node[] | undefined {
  const shape = scope.type(node.inputs[0] ?? "")?.shape;
  const given = intAttribute(node, "axis", 1);
  const axis = shape ? normalAxis(given, shape.length) : given;
  if (axis === -1 || axis === (shape?.length ?? NaN) - 1) {
    setAttribute(node, attribute.int("axis", -1));
    return undefined;
  }
  if (shape && staticCount(shape.slice(axis + 1)) === 1) {
    setAttribute(node, attribute.int("axis", axis));
    return undefined;
  }
  return asMatrix(node, axis, scope);
}

/** Flattens, applies the operator along the rows, and restores the input's shape. */
function asMatrix(node: Node, axis: number, scope: UpgradeScope): Node[] {
  const label = nodeLabel(node);
  const [input = "", output = ""] = [node.inputs[0], node.outputs[0]];
  const [matrix, result, shape] = ["matrix", "result", "shape"].map((what) =>
    scope.uniqueName(`${label}_${what}`),
  ) as [string, string, string];
  setAttribute(node, attribute.int("axis", -1));
  node.inputs[0] = matrix;
  node.outputs[0] = result;
  return [
    makeNode(
      "Flatten",
      [input],
      [matrix],
      [attribute.int("axis", axis)],
      scope.uniqueName(`${label}_flatten`),
    ),
    node,
    makeNode("Shape", [input], [shape], [], scope.uniqueName(`${label}_shape_of`)),
    makeNode("Reshape", [result, shape], [output], [], scope.uniqueName(`${label}_reshape`)),
  ];
}
