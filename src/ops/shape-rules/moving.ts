/** Operators that move or repeat elements: their sizes follow from shapes, axes and bounds. */
import { intAttribute, intsAttribute } from "../../ir/index.js";
import type { Dimension } from "../../ir/index.js";
import { normalAxis } from "../weights.js";
import { axesAt, boundsAt, MAX_SHAPE_LENGTH, numbersAt, rows, sizesAt, typed, unknown } from "./call.js";
import type { Call, Rule } from "./call.js";

const reshape: Rule = (call) => {
  const [x] = call.inputs;
  const target = sizesAt(call, "shape", 1);
  const length = call.inputs[1]?.shape?.[0];
  if (!target)
    return [
      typed(
        x?.elementType,
        typeof length === "number" && length <= MAX_SHAPE_LENGTH ? unknown(length) : undefined,
      ),
    ];
  const copies = intAttribute(call.node, "allowzero", 0) === 0;
  const sizes = target.map((dim, k) => (dim === 0 && copies ? x?.shape?.[k] : dim));
  const open = sizes.indexOf(-1);
  if (open >= 0) {
    const rest = sizes.filter((_, k) => k !== open);
    sizes[open] = x?.shape && !rest.includes(0) ? call.sizes.quotient(x.shape, rest) : undefined;
  }
  return [typed(x?.elementType, sizes)];
};

const transpose: Rule = ({ node, inputs: [x] }) => {
  const shape = x?.shape;
  const permutation = intsAttribute(node, "perm") ?? shape?.map((_, k) => shape.length - 1 - k);
  return [typed(x?.elementType, shape && permutation?.map((k) => shape[k]))];
};

const flatten: Rule = ({ node, inputs: [x], sizes }) => {
  const axis = normalAxis(intAttribute(node, "axis", 1), x?.shape?.length ?? 0);
  return [
    typed(
      x?.elementType,
      x?.shape ? [sizes.product(x.shape.slice(0, axis)), sizes.product(x.shape.slice(axis))] : unknown(2),
    ),
  ];
};

const squeeze: Rule = (call) => {
  const shape = call.inputs[0]?.shape;
  const isGiven =
    call.node.attributes.some(({ name }) => name === "axes") || (call.node.inputs[1] ?? "") !== "";
  const axes = shape && axesAt(call, 1, shape.length);
  const sizes = isGiven
    ? axes && shape.filter((_, k) => !axes.includes(k))
    : shape?.every((dim) => typeof dim === "number")
      ? shape.filter((dim) => dim !== 1)
      : undefined;
  return [typed(call.inputs[0]?.elementType, sizes)];
};

const unsqueeze: Rule = (call) => {
  const [x] = call.inputs;
  const given = numbersAt(call, "axes", 1);
  if (!x?.shape || !given) return [typed(x?.elementType, undefined)];
  const rank = x.shape.length + given.length;
  const axes = given.map((axis) => normalAxis(axis, rank));
  const rest = [...x.shape];
  return [
    typed(
      x.elementType,
      Array.from({ length: rank }, (_, k) => (axes.includes(k) ? 1 : rest.shift())),
    ),
  ];
};

const concat: Rule = ({ node, inputs, sizes }) => {
  const shape = inputs.find((x) => x?.shape)?.shape;
  const axis = normalAxis(intAttribute(node, "axis", 1), shape?.length ?? 0);
  const total = inputs.map((x) => x?.shape?.[axis]).reduce<Dimension>((sum, size) => sizes.add(sum, size), 0);
  const common = (k: number): Dimension =>
    inputs.map((x) => x?.shape?.[k]).find((dim) => typeof dim === "number") ?? shape?.[k];
  return [
    typed(
      inputs.find((x) => x)?.elementType,
      shape?.map((_, k) => (k === axis ? total : common(k))),
    ),
  ];
};

const slice: Rule = (call) => {
  const [x] = call.inputs;
  const [starts, ends, steps] = [boundsAt(call, "starts", 1), boundsAt(call, "ends", 2), call.value(4)];
  const isOpen = (index: number): boolean => (call.node.inputs[index] ?? "") !== "" && !call.value(index);
  const listed = numbersAt(call, "axes", 3);
  const hasAxes = listed !== undefined || (call.node.inputs[3] ?? "") !== "";
  if (!x?.shape || !starts || !ends || (hasAxes && !listed) || isOpen(4))
    return [typed(x?.elementType, unknown(x?.shape?.length))];
  const axes = listed?.map((axis) => normalAxis(axis, x.shape?.length ?? 0)) ?? starts.map((_, k) => k);
  const shape = [...x.shape];
  axes.forEach((axis, k) => {
    shape[axis] = sliced(shape[axis], starts[k], ends[k], steps ? steps[k] : 1, call);
  });
  return [typed(x.elementType, shape)];
};

function sliced(
  size: Dimension,
  start: Dimension,
  end: Dimension,
  step: Dimension,
  { sizes }: Call,
): Dimension {
  if (typeof start !== "number" || typeof step !== "number" || step === 0) return undefined;
  // For a negative step, the specification treats the largest integers as an empty slice, and onnxruntime as
  // the whole axis.
  if (step < 0 && typeof end === "number" && end >= 2 ** 31 - 1) return undefined;
  if (typeof size === "number" && typeof end === "number") return slicedLength(size, start, end, step);
  if (step !== 1 || start < 0) return undefined;
  // For an unknown size, only slices to the end are known, and those from 0 to a bound counted from the end.
  if (end === size && size !== undefined && start === 0) return size;
  return start === 0 && typeof end === "number" && end >= 2 ** 31 - 1 ? sizes.add(size, 0) : undefined;
}

/** The number of elements that numpy's slice takes. */
function slicedLength(size: number, start: number, end: number, step: number): number {
  const clamp = (value: number): number =>
    Math.min(Math.max(value < 0 ? value + size : value, step > 0 ? 0 : -1), step > 0 ? size : size - 1);
  const [from, to] = [
    Math.min(Math.max(start < 0 ? start + size : start, 0), step > 0 ? size : size - 1),
    clamp(end),
  ];
  return Math.max(0, Math.ceil((to - from) / step));
}

const pad: Rule = (call) => {
  const shape = call.inputs[0]?.shape;
  const pads = sizesAt(
    call,
    call.node.attributes.some(({ name }) => name === "paddings") ? "paddings" : "pads",
    1,
  );
  const hasAxes = (call.node.inputs[3] ?? "") !== "";
  const axes = hasAxes
    ? call
        .value(3)
        ?.map((axis) => (typeof axis === "number" ? normalAxis(axis, shape?.length ?? 0) : undefined))
    : shape?.map((_, k) => k);
  if (!shape || !pads || !axes || pads.length !== 2 * axes.length)
    return [typed(call.inputs[0]?.elementType, unknown(shape?.length))];
  const padded = (k: number, size: Dimension): Dimension =>
    call.sizes.add(call.sizes.add(size, pads[k]), pads[k + axes.length]);
  // Padding along an unknown axis may affect any axis that is not named.
  const mayBeAnywhere = axes.some((axis, k) => axis === undefined && padded(k, 0) !== 0);
  const sizes = shape.map((size, at) => {
    const k = axes.indexOf(at);
    if (k >= 0) return padded(k, size);
    return mayBeAnywhere ? undefined : size;
  });
  return [typed(call.inputs[0]?.elementType, sizes)];
};

const tile: Rule = ({ inputs: [x], value, sizes }) => {
  const repeats = value(1);
  const fits = x?.shape && repeats?.length === x.shape.length;
  return [
    typed(
      x?.elementType,
      fits ? x.shape?.map((dim, k) => sizes.multiply(dim, repeats[k])) : unknown(x?.shape?.length),
    ),
  ];
};

const split: Rule = (call) => {
  const {
    node,
    inputs: [x],
  } = call;
  const axis = normalAxis(intAttribute(node, "axis", 0), x?.shape?.length ?? 0);
  const size = x?.shape?.[axis];
  const isGiven = node.attributes.some(({ name }) => name === "split") || (node.inputs[1] ?? "") !== "";
  const parts = numbersAt(call, "split", 1);
  const count = intAttribute(node, "num_outputs", node.outputs.length);
  const part = (k: number): Dimension => {
    if (isGiven) return parts?.[k];
    if (typeof size !== "number" || count < 1) return undefined;
    const chunk = Math.ceil(size / count);
    return Math.max(0, Math.min(chunk, size - k * chunk));
  };
  return node.outputs.map((_, k) =>
    typed(
      x?.elementType,
      x?.shape?.map((dim, at) => (at === axis ? part(k) : dim)),
    ),
  );
};

export const MOVING = [
  ...rows(reshape, "Reshape"),
  ...rows(transpose, "Transpose"),
  ...rows(flatten, "Flatten"),
  ...rows(squeeze, "Squeeze"),
  ...rows(unsqueeze, "Unsqueeze"),
  ...rows(concat, "Concat"),
  ...rows(slice, "Slice"),
  ...rows(pad, "Pad"),
  ...rows(tile, "Tile"),
  ...rows(split, "Split"),
] as const;
