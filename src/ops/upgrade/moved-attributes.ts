/** Attributes that became inputs, the most common change of the standard operator set. */
import {
  DataType,
  floatTensor,
  getAttribute,
  int64Tensor,
  integerTensor,
  floatToHalf,
  isOp,
  nodeLabel,
  removeAttribute,
} from "../../ir/index.js";
import type { Attribute, Node, Tensor } from "../../ir/index.js";
import { REDUCTIONS, type Adapter, type AdapterRow, type UpgradeScope } from "./adapter.js";

/** The form of the constant; "like input" is a scalar of the first input's element type. */
type Form = "ints" | "int vector" | "int scalar" | "floats" | "float scalar" | "like input";

interface Move {
  readonly operators: readonly string[];
  readonly since: number;
  readonly attribute: string;
  readonly input: number;
  readonly form: Form;
  /** Used if the attribute is absent and the new input has a different default. */
  readonly otherwise?: Attribute;
}

const MOVES: readonly Move[] = [
  { operators: ["Reshape"], since: 5, attribute: "shape", input: 1, form: "ints" },
  { operators: ["Upsample"], since: 9, attribute: "scales", input: 1, form: "floats" },
  { operators: ["Slice"], since: 10, attribute: "starts", input: 1, form: "ints" },
  { operators: ["Slice"], since: 10, attribute: "ends", input: 2, form: "ints" },
  { operators: ["Slice"], since: 10, attribute: "axes", input: 3, form: "ints" },
  { operators: ["TopK"], since: 10, attribute: "k", input: 1, form: "int vector" },
  { operators: ["Clip"], since: 11, attribute: "min", input: 1, form: "like input" },
  { operators: ["Clip"], since: 11, attribute: "max", input: 2, form: "like input" },
  { operators: ["Pad"], since: 11, attribute: "pads", input: 1, form: "ints" },
  { operators: ["Pad"], since: 11, attribute: "value", input: 2, form: "like input" },
  { operators: ["Dropout"], since: 12, attribute: "ratio", input: 1, form: "float scalar" },
  { operators: ["Squeeze", "Unsqueeze", "ReduceSum"], since: 13, attribute: "axes", input: 1, form: "ints" },
  { operators: ["Split"], since: 13, attribute: "split", input: 1, form: "ints" },
  { operators: REDUCTIONS, since: 18, attribute: "axes", input: 1, form: "ints" },
  // The default axis changed from the second to the last but one.
  {
    operators: ["DFT"],
    since: 20,
    attribute: "axis",
    input: 2,
    form: "int scalar",
    otherwise: { name: "axis", i: 1n },
  },
];

export const MOVED_ATTRIBUTES: readonly AdapterRow[] = MOVES.map((move) => ({
  operators: move.operators,
  since: move.since,
  adapt: adapterOf(move),
}));

function adapterOf(move: Move): Adapter {
  return (node, scope) => {
    const attribute = getAttribute(node, move.attribute) ?? move.otherwise;
    removeAttribute(node, move.attribute);
    if (!attribute || (move.attribute === "axes" && isAllAxes(node, attribute))) return undefined;
    const tensor = constantOf(attribute, move.form, node, scope);
    if (typeof tensor === "string") return tensor;
    while (node.inputs.length < move.input) node.inputs.push("");
    node.inputs[move.input] = scope.addConstant({ ...tensor, name: `${nodeLabel(node)}_${move.attribute}` });
    return undefined;
  };
}

/** An empty list of axes means all of them, as if absent; only for Unsqueeze it means none. */
function isAllAxes(node: Node, { ints = [] }: Attribute): boolean {
  return ints.length === 0 && !isOp(node, "Unsqueeze");
}

function constantOf(
  { i = 0n, f = 0, ints = [], floats = [] }: Attribute,
  form: Form,
  node: Node,
  scope: UpgradeScope,
): Tensor | string {
  switch (form) {
    case "ints":
      return int64Tensor("", ints.map(Number));
    case "int vector":
      return int64Tensor("", [Number(i)]);
    case "int scalar":
      return int64Tensor("", [Number(i)], []);
    case "floats":
      return floatTensor("", [floats.length], Float32Array.from(floats));
    case "float scalar":
      return floatTensor("", [], Float32Array.of(f));
    case "like input":
      return scalarLike(f, scope.type(node.inputs[0] ?? "")?.elementType);
  }
}

/** Bounds beyond the range of half precision become infinite, which has the same effect. */
export function scalarLike(value: number, type: number | undefined): Tensor | string {
  switch (type) {
    case DataType.FLOAT:
      return floatTensor("", [], Float32Array.of(value));
    case DataType.DOUBLE:
      return integerTensor("", [], DataType.DOUBLE, Float64Array.of(value));
    case DataType.FLOAT16:
      return integerTensor("", [], DataType.FLOAT16, Uint16Array.of(floatToHalf(value)));
    default:
      return (
        "the element type of its input is not known, and the new constant input must have " +
        "the same; declare it in value_info"
      );
  }
}
