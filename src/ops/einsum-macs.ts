/** Multiply-accumulates of Einsum, contracted as written. */

/**
 * One operand alone multiplies nothing; n operands take n - 1 products for every combination of all labels.
 * Undefined for an equation that does not fit the shapes, or unknown shapes.
 */
export function einsumMacs(
  equation: string,
  inputs: readonly (readonly number[] | undefined)[],
): number | undefined {
  const terms = (equation.split("->")[0] ?? "").replaceAll(/\s/g, "").split(",");
  if (terms.length !== inputs.length) return undefined;
  const sizes = new Map<string, number>();
  for (const [k, term] of terms.entries()) if (!note(term, inputs[k], sizes)) return undefined;
  return [...sizes.values()].reduce((all, size) => all * size, terms.length - 1);
}

/** Sizes by label; those under an ellipsis by their place from the end, as they are broadcast. */
function note(term: string, shape: readonly number[] | undefined, sizes: Map<string, number>): boolean {
  if (!shape) return false;
  const [front = "", back, extra] = term.split("...");
  const hidden = shape.length - front.length - (back?.length ?? 0);
  if (extra !== undefined || hidden < 0 || (back === undefined && hidden > 0)) return false;
  const labels = [
    ...Array.from(front),
    ...Array.from({ length: hidden }, (_, k) => `...${hidden - k}`),
    ...Array.from(back ?? ""),
  ];
  labels.forEach((label, axis) => sizes.set(label, Math.max(sizes.get(label) ?? 1, shape[axis] ?? 1)));
  return true;
}
