/**
 * Upsample became Resize at version 10, whose coordinates and rounding became attributes at 11. Before that
 * they were fixed: x_original = x_resized / scale, rounded down when enlarging. When shrinking, onnxruntime
 * rounds up.
 */
import {
  attribute,
  DataType,
  elementCount,
  getAttribute,
  nodeLabel,
  setAttribute,
  stringAttribute,
  toFloat32,
} from "../../ir/index.js";
import type { Node, Tensor } from "../../ir/index.js";
import type { AdapterRow, UpgradeScope } from "./adapter.js";

export const RESIZE: readonly AdapterRow[] = [
  { operators: ["Upsample"], since: 10, adapt: upsampleToResize },
  { operators: ["Resize"], since: 11, adapt: nameCoordinates },
  { operators: ["Resize"], since: 13, adapt: leaveOutEmptyInputs },
];

function upsampleToResize(node: Node, scope: UpgradeScope): undefined {
  node.opType = "Resize";
  scope.enlarging.add(node);
}

function nameCoordinates(node: Node, scope: UpgradeScope): string | undefined {
  const [input = "", scales = ""] = node.inputs;
  const mode = stringAttribute(node, "mode", "nearest");
  const rounding =
    mode === "nearest" && !scope.enlarging.has(node) ? roundingFor(scope.constant(scales)) : "floor";
  if (rounding === undefined)
    return "it may enlarge or shrink, depending on the axis or on data, and its rounding depends on which";
  setAttribute(node, attribute.string("coordinate_transformation_mode", "asymmetric"));
  if (mode === "nearest") setAttribute(node, attribute.string("nearest_mode", rounding));
  // In version 11, the region of interest is a required input; an empty one means "none".
  const roi = scope.addConstant({
    name: `${nodeLabel(node)}_roi`,
    dims: [0],
    dataType: DataType.FLOAT,
    raw: new Uint8Array(0),
  });
  node.inputs = [input, roi, scales];
  return undefined;
}

function roundingFor(scales: Tensor | undefined): "floor" | "ceil" | undefined {
  if (!scales) return undefined;
  const values = toFloat32(scales);
  if (values.every((scale) => scale >= 1)) return "floor";
  return values.every((scale) => scale <= 1) ? "ceil" : undefined;
}

function leaveOutEmptyInputs(node: Node, scope: UpgradeScope): string | undefined {
  if (
    getAttribute(node, "coordinate_transformation_mode") &&
    stringAttribute(node, "coordinate_transformation_mode", "") === "tf_half_pixel_for_nn"
  ) {
    return 'its coordinate_transformation_mode "tf_half_pixel_for_nn" was removed from the operator set';
  }
  const isEmpty = (name: string): boolean => {
    const tensor = scope.constant(name);
    return tensor !== undefined && elementCount(tensor) === 0;
  };
  node.inputs = node.inputs.map((name, index) => ((index === 1 || index === 2) && isEmpty(name) ? "" : name));
  return undefined;
}
