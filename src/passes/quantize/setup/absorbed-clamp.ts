/** Quantization whose saturation replaces a preceding Relu or Clip. */
import { type GraphEditor, isOp, type Node, toNumbers } from "../../../ir/index.js";
import { type AffineParameters, uint8Parameters } from "../../../numeric/affine.js";

/** The upper bound of the clamp. */
export function upperBound(editor: GraphEditor, clamp: Node): number {
  return isOp(clamp, "Clip") && clamp.inputs[2] ? toNumbers(editor.constant(clamp.inputs[2])!)[0]! : Infinity;
}

/**
 * Parameters for codes from exactly 0 to at most the clamp's upper bound, so that saturation replaces the
 * clamp. If calibration saw only zeros, the range is that of the clamp.
 */
export function clampedParameters(editor: GraphEditor, clamp: Node, max: number): AffineParameters {
  const bound = upperBound(editor, clamp);
  return uint8Parameters(0, max > 0 || bound === Infinity ? Math.min(max, bound) : bound);
}

/** Whether codes with these parameters saturate at the clamp's bounds, or below the upper one. */
export function saturatesWith(
  editor: GraphEditor,
  clamp: Node,
  { scale, zeroPoint }: AffineParameters,
): boolean {
  // The scale of the bound itself is rounded to float32.
  return zeroPoint === 0 && scale * 255 <= upperBound(editor, clamp) * (1 + 1e-6);
}
