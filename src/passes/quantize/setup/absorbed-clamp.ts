/** Codes whose saturation does the work of the Relu or Clip that stood in front of them. */
import { type GraphEditor, isOp, type Node, toNumbers } from "../../../ir/index.js";
import { type AffineParameters, uint8Parameters } from "../../../numeric/affine.js";

/** The greatest value that the clamp lets through. */
export function upperBound(editor: GraphEditor, clamp: Node): number {
  return isOp(clamp, "Clip") && clamp.inputs[2] ? toNumbers(editor.constant(clamp.inputs[2])!)[0]! : Infinity;
}

/**
 * Codes from exactly 0 up, and never above the clamp's bound, so that their saturation is the clamp. Where
 * calibration saw zeros alone, the bound is all that is known of the range.
 */
export function clampedParameters(editor: GraphEditor, clamp: Node, max: number): AffineParameters {
  const bound = upperBound(editor, clamp);
  return uint8Parameters(0, max > 0 || bound === Infinity ? Math.min(max, bound) : bound);
}

/** Whether codes of these parameters saturate where the clamp does, or below its upper bound. */
export function saturatesWith(
  editor: GraphEditor,
  clamp: Node,
  { scale, zeroPoint }: AffineParameters,
): boolean {
  // The scale of the bound itself is rounded to float32.
  return zeroPoint === 0 && scale * 255 <= upperBound(editor, clamp) * (1 + 1e-6);
}
