/**
 * Operators whose newer version onnxruntime does not run although it runs the older one: the version only added
 * element types, and the CPU build has no kernel for it. Found by loading one node of every operator at every
 * version in 1.30.
 */
import { floatAttribute, makeNode, nodeLabel } from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import type { AdapterRow, UpgradeScope } from "./adapter.js";
import { scalarLike } from "./moved-attributes.js";

export const KERNEL_GAPS: readonly AdapterRow[] = [
  {
    operators: [
      "Bernoulli",
      "GlobalLpPool",
      "MaxRoiPool",
      "Multinomial",
      "RandomNormalLike",
      "RandomUniformLike",
      "RoiAlign",
    ],
    since: 22,
    adapt: () => "onnxruntime 1.30 runs it up to version 21 of the operator set only",
  },
  // onnxruntime expands it into its function at version 24 only; later, the function's operators must replace
  // it.
  { operators: ["Swish"], since: 25, adapt: expandSwish },
];

/** x · sigmoid(alpha · x) */
function expandSwish(node: Node, scope: UpgradeScope): Node[] | string {
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
