/** Operators that resize an image or exchange its area for channels. */
import {
  DataType,
  elementCount,
  floatAttribute,
  getAttribute,
  intAttribute,
  intsAttribute,
  stringAttribute,
  toNumbers,
} from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import { normalAxis } from "../weights.js";
import { MAX_SHAPE_LENGTH, rows, typed, unknown } from "./call.js";
import type { Call, Known, Rule, Shape } from "./call.js";

const resize: Rule = (call): Known[] => {
  const {
    node,
    inputs: [x],
    value,
  } = call;
  const shape = x?.shape;
  const last = node.inputs.length === 2 ? 1 : 2;
  const axes =
    intsAttribute(node, "axes")?.map((axis) => normalAxis(axis, shape?.length ?? 0)) ??
    shape?.map((_, k) => k);
  const isPlain = stringAttribute(node, "keep_aspect_ratio_policy", "stretch") === "stretch";
  if (!shape || !axes || !isPlain) return [typed(x?.elementType, unknown(shape?.length))];
  const asked = node.opType === "Resize" ? value(3) : undefined;
  const scales = scalesOf(call, last);
  const isScaled = stringAttribute(node, "coordinate_transformation_mode", "") !== "tf_crop_and_resize";
  const sizes = shape.map((dim, k) => {
    const at = axes.indexOf(k);
    if (at < 0) return dim;
    if (asked) return asked[at];
    const scale = scales?.[at];
    if (scale === 1) return dim;
    // onnxruntime multiplies in float32: 3 · 1.6666666 rounds to 5.
    return typeof dim === "number" && scale !== undefined && isScaled
      ? Math.floor(Math.fround(dim * scale))
      : typeof scale === "number" && Number.isInteger(scale) && isScaled
        ? call.sizes.multiply(dim, scale)
        : undefined;
  });
  return [typed(x?.elementType, sizes)];
};

function scalesOf({ node, constant }: Call, index: number): readonly number[] | undefined {
  const listed = node.attributes.find(({ name }) => name === "scales")?.floats ?? firstScales(node);
  const tensor = listed ? undefined : constant(index);
  return (
    listed ??
    (tensor?.dataType === DataType.FLOAT &&
    elementCount(tensor) > 0 &&
    elementCount(tensor) <= MAX_SHAPE_LENGTH
      ? toNumbers(tensor)
      : undefined)
  );
}

/** The first version of Upsample scaled the two axes of an image. */
function firstScales(node: Node): number[] | undefined {
  return (
    getAttribute(node, "height_scale") && [
      1,
      1,
      floatAttribute(node, "height_scale", 1),
      floatAttribute(node, "width_scale", 1),
    ]
  );
}

const blocks =
  (isToSpace: boolean): Rule =>
  ({ node, inputs: [x], sizes }) => {
    const block = intAttribute(node, "blocksize", 1);
    const [n, c, ...spatial] = x?.shape ?? [];
    if (x?.shape?.length !== 4 || block < 1) return [typed(x?.elementType, unknown(x?.shape?.length))];
    const area = block * block;
    const shape: Shape = isToSpace
      ? [n, sizes.divideExactly(c, area), ...spatial.map((dim) => sizes.multiply(dim, block))]
      : [n, sizes.multiply(c, area), ...spatial.map((dim) => sizes.divideExactly(dim, block))];
    return [typed(x.elementType, shape)];
  };

const cropOrPad: Rule = ({ node, inputs: [x], value }) => {
  const rank = x?.shape?.length ?? 0;
  const axes =
    intsAttribute(node, "axes")?.map((axis) => normalAxis(axis, rank)) ?? x?.shape?.map((_, k) => k) ?? [];
  const target = value(1);
  return [
    typed(
      x?.elementType,
      x?.shape?.map((dim, k) => (axes.includes(k) ? target?.[axes.indexOf(k)] : dim)),
    ),
  ];
};

export const SCALING = [
  ...rows(resize, "Resize", "Upsample"),
  ...rows(blocks(true), "DepthToSpace"),
  ...rows(blocks(false), "SpaceToDepth"),
  ...rows(cropOrPad, "CenterCropPad"),
] as const;
