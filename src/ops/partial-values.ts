/**
 * Computes the partly known values of short integer tensors that derive from shapes: each element is a number,
 * a symbol for a size, or unknown. A chain such as Shape → Gather → Unsqueeze → Concat becomes [N, 8, 64].
 */
import { DataType, intAttribute, isStandard } from "../ir/index.js";
import type { Dimension } from "../ir/index.js";
import { allNumbers, axesAt, boundsAt, MAX_SHAPE_LENGTH } from "./shape-rules/call.js";
import type { Call, Known, PartialValue } from "./shape-rules/call.js";
import { shapeRange } from "./shape-rules/choosing.js";
import { normalAxis } from "./weights.js";

type ValueRule = (call: Call) => PartialValue | undefined;

const INTEGERS: ReadonlySet<number> = new Set([DataType.INT64, DataType.INT32]);

/** The known values of the node's first output, whose type is `output`; undefined if none are known. */
export function inferValue(call: Call, output: Known): PartialValue | undefined {
  if (
    !isStandard(call.node) ||
    !output ||
    !INTEGERS.has(output.elementType) ||
    call.node.outputs.length !== 1
  )
    return undefined;
  const value = VALUE_RULES.get(call.node.opType)?.(call);
  if (!value || value.length > MAX_SHAPE_LENGTH || value.every((element) => element === undefined))
    return undefined;
  // Only scalars and vectors have their values read.
  const count = output.shape?.length === 0 ? 1 : output.shape?.length === 1 ? output.shape[0] : undefined;
  return count === value.length ? value : undefined;
}

const same: ValueRule = ({ value }) => value(0);

const shapeOf: ValueRule = ({ node, inputs: [x] }) => {
  const rank = x?.shape?.length;
  return rank === undefined
    ? undefined
    : shapeRange(intAttribute(node, "start", 0), intAttribute(node, "end", rank), rank).map(
        (axis) => x?.shape?.[axis],
      );
};

const sizeOf: ValueRule = ({ inputs: [x], sizes }) => x?.shape && [sizes.product(x.shape)];

const gather: ValueRule = ({ inputs: [x], value }) => {
  const [data, indices] = [value(0), value(1)];
  if (x?.shape?.length !== 1 || !data || !indices) return undefined;
  return indices.map((index) =>
    typeof index === "number" ? data[normalAxis(index, data.length)] : undefined,
  );
};

const slice: ValueRule = (call) => {
  const data = call.value(0);
  const [starts, ends] = [allNumbers(boundsAt(call, "starts", 1)), allNumbers(boundsAt(call, "ends", 2))];
  const axes = axesAt(call, 3, 1);
  const hasSteps = (call.node.inputs[4] ?? "") !== "";
  const step = hasSteps ? call.value(4)?.[0] : 1;
  if (
    !data ||
    starts?.length !== 1 ||
    ends?.length !== 1 ||
    step !== 1 ||
    call.inputs[0]?.shape?.length !== 1
  )
    return undefined;
  if (axes ? axes.length !== 1 || axes[0] !== 0 : (call.node.inputs[3] ?? "") !== "") return undefined;
  return data.slice(starts[0], ends[0]);
};

const concat: ValueRule = ({ inputs, value }) => {
  const parts = inputs.map(
    (x, index) =>
      value(index) ??
      (x?.shape?.length === 1 && typeof x.shape[0] === "number" && x.shape[0] <= MAX_SHAPE_LENGTH
        ? new Array<Dimension>(x.shape[0]).fill(undefined)
        : undefined),
  );
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
};

const elementwise =
  (operation: (a: Dimension, b: Dimension, call: Call) => Dimension): ValueRule =>
  (call) => {
    const [a, b] = [call.value(0), call.value(1)];
    if (call.inputs.length !== 2 || !a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1))
      return undefined;
    return Array.from({ length: a.length === 1 ? b.length : a.length }, (_, k) =>
      operation(a[a.length === 1 ? 0 : k], b[b.length === 1 ? 0 : k], call),
    );
  };

/** ONNX divides integers toward zero; sizes are not negative, so rounding down is the same. */
function divide(a: Dimension, b: Dimension, { sizes }: Call): Dimension {
  if (typeof a === "number" && a < 0) return undefined;
  return (
    sizes.divideExactly(a, b) ??
    (typeof b === "number" && b > 0 && typeof a === "number" ? Math.floor(a / b) : undefined)
  );
}

const productOf: ValueRule = ({ node, inputs: [x], value, sizes }) => {
  const data = value(0);
  return data && x?.shape?.length === 1 && node.inputs.length === 1 ? [sizes.product(data)] : undefined;
};

const VALUE_RULES: ReadonlyMap<string, ValueRule> = new Map<string, ValueRule>([
  ["Identity", same],
  ["Cast", same],
  ["Squeeze", same],
  ["Unsqueeze", same],
  ["Reshape", same],
  ["Shape", shapeOf],
  ["Size", sizeOf],
  ["Gather", gather],
  ["Slice", slice],
  ["Concat", concat],
  ["ReduceProd", productOf],
  ["Add", elementwise((a, b, { sizes }) => sizes.add(a, b))],
  ["Sub", elementwise((a, b, { sizes }) => sizes.subtract(a, b))],
  ["Mul", elementwise((a, b, { sizes }) => sizes.multiply(a, b))],
  ["Div", elementwise(divide)],
]);
