/** Whether two values of rank 3 are known to have the same first size. */
import { isOp, type Node } from "../../../ir/index.js";
import type { Scope } from "../../../patterns/index.js";

/** How many layers back a common origin is looked for. */
const MAX_STEPS = 8;

export function sameBatch(a: string, b: string, scope: Scope): boolean {
  if (a === b) return true;
  const [first, second] = [a, b].map((name) => scope.facts.shape(name)?.[0]);
  if (first !== undefined && first === second) return true;
  const origins = new Set(batchOrigins(a, scope));
  return batchOrigins(b, scope).some((name) => origins.has(name));
}

/**
 * The value and those before it that have its first size: through layers of a constant matrix and steps by
 * constant vectors.
 */
function batchOrigins(name: string, { editor }: Scope): string[] {
  const origins = [name];
  for (let k = 0; k < MAX_STEPS; k++) {
    const from = batchSource(editor.producer(origins.at(-1) ?? ""), (input) => editor.constant(input)?.dims);
    if (from === undefined) break;
    origins.push(from);
  }
  return origins;
}

function batchSource(
  node: Node | undefined,
  dimsOf: (name: string) => readonly number[] | undefined,
): string | undefined {
  const [first = "", second = ""] = node?.inputs ?? [];
  if (isOp(node, "LayerNormalization", "Relu", "Identity")) return first;
  if (isOp(node, "MatMul")) return dimsOf(second)?.length === 2 ? first : undefined;
  if (!isOp(node, "Add", "Sub", "Mul", "Div")) return undefined;
  if ((dimsOf(second)?.length ?? 3) < 3) return first;
  return (dimsOf(first)?.length ?? 3) < 3 ? second : undefined;
}
