/**
 * Before version 7, broadcasting was limited: the second operand was broadcast only if `broadcast` was 1,
 * aligned to the first from `axis` on, or at the end without `axis`. Since version 7, operands are aligned at
 * the end, as in numpy, so a second operand that ended earlier gets trailing axes of size one.
 */
import {
  getAttribute,
  intAttribute,
  nodeLabel,
  removeAttribute,
  attribute,
  makeNode,
} from "../../ir/index.js";
import type { Node, TensorType } from "../../ir/index.js";
import { staticCount } from "../shapes.js";
import { normalAxis } from "../weights.js";
import type { AdapterRow, UpgradeScope } from "./adapter.js";

export const LIMITED_BROADCAST: readonly AdapterRow[] = [
  {
    operators: ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"],
    since: 7,
    adapt: alignOperand,
  },
  { operators: ["Gemm"], since: 7, adapt: alignAtEnd },
  { operators: ["PRelu"], since: 7, adapt: alignSlope },
];

function alignOperand(node: Node, scope: UpgradeScope): Node[] | string | undefined {
  const isBroadcast = intAttribute(node, "broadcast", 0) !== 0;
  const axis = getAttribute(node, "axis") ? intAttribute(node, "axis", -1) : undefined;
  for (const name of ["axis", "broadcast"]) removeAttribute(node, name);
  // In Caffe2, the origin of the definition, -1 also means the end.
  if (!isBroadcast || axis === undefined || axis === -1) return undefined;
  const [first, second] = typesOf(node, scope);
  if (isSingle(second)) return undefined;
  if (!first?.shape || !second?.shape)
    return (
      `the rank of its operands is not known, and its axis = ${axis} depends on it; ` +
      "declare their shapes in value_info"
    );
  const missing = first.shape.length - normalAxis(axis, first.shape.length) - second.shape.length;
  if (missing < 0 || missing > first.shape.length)
    return `its second operand does not fit the first from axis ${axis} on`;
  return withAxesBehind(node, second.shape.length, missing, scope);
}

function alignAtEnd(node: Node): undefined {
  removeAttribute(node, "broadcast");
}

/** One slope for each channel, which is axis 1 of the data; or one slope for all. */
function alignSlope(node: Node, scope: UpgradeScope): Node[] | string | undefined {
  const [data, slope] = typesOf(node, scope);
  if (isSingle(slope) || (slope?.shape && slope.shape.length !== 1)) return undefined;
  if (!data?.shape || !slope?.shape)
    return (
      "the rank of its operands is not known, and the axis of its slopes depends " +
      "on it; declare their shapes in value_info"
    );
  return withAxesBehind(node, 1, Math.max(0, data.shape.length - 2), scope);
}

function typesOf(node: Node, scope: UpgradeScope): (TensorType | undefined)[] {
  return [0, 1].map((index) => scope.type(node.inputs[index] ?? ""));
}

function isSingle(type: TensorType | undefined): boolean {
  return type?.shape !== undefined && staticCount(type.shape) === 1;
}

/**
 * Appends `count` axes of size one to the second operand: a constant gets a new shape, anything else an
 * Unsqueeze.
 */
function withAxesBehind(node: Node, rank: number, count: number, scope: UpgradeScope): Node[] | undefined {
  if (count === 0) return undefined;
  const [name = "", label] = [node.inputs[1], nodeLabel(node)];
  const constant = scope.constant(name);
  if (constant) {
    node.inputs[1] = scope.addConstant({
      ...constant,
      name: `${label}_aligned`,
      dims: [...constant.dims, ...new Array<number>(count).fill(1)],
    });
    return undefined;
  }
  const aligned = scope.uniqueName(`${label}_aligned`);
  node.inputs[1] = aligned;
  const axes = Array.from({ length: count }, (_, k) => rank + k);
  return [
    makeNode(
      "Unsqueeze",
      [name],
      [aligned],
      [attribute.ints("axes", axes)],
      scope.uniqueName(`${label}_align`),
    ),
    node,
  ];
}
