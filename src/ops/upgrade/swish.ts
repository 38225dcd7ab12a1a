/**
 * Swish came with version 24 and did not change. onnxruntime (1.30) computes it as the function that it stands for, and
 * at version 24 alone: beyond, the operators of that function stand in its place.
 */
import { floatAttribute, makeNode, nodeLabel } from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import type { AdapterRow, UpgradeScope } from "./adapter.js";
import { scalarLike } from "./moved-attributes.js";

export const SWISH: readonly AdapterRow[] = [{ operators: ["Swish"], since: 25, adapt: expand }];

/** x · sigmoid(alpha · x) */
function expand(node: Node, scope: UpgradeScope): Node[] | string {
  const [x = "", y = ""] = [node.inputs[0], node.outputs[0]];
  const label = nodeLabel(node);
  const alpha = floatAttribute(node, "alpha", 1);
  const gate = scope.uniqueName(`${label}_gate`);
  if (alpha === 1) return [makeNode("Sigmoid", [x], [gate]), makeNode("Mul", [x, gate], [y], [], node.name)];
  const factor = scalarLike(alpha, scope.type(x)?.elementType);
  if (typeof factor === "string") return factor;
  const scaled = scope.uniqueName(`${label}_scaled`);
  return [
    makeNode("Mul", [x, scope.addConstant({ ...factor, name: `${label}_alpha` })], [scaled]),
    makeNode("Sigmoid", [scaled], [gate]),
    makeNode("Mul", [x, gate], [y], [], node.name),
  ];
}
