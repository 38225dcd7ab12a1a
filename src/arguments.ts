/** What the functions of the library take besides options. */
import { check, either, listOf, path, text } from "./option-checks.js";
import { requireArgument } from "./option-keys.js";

const bytes = check("the bytes of a model", (value) => value instanceof Uint8Array);
const model = check("a model", isModel);

/** Throws EdgecError BAD_OPTION for what is not the path of a model, its bytes or a model in memory. */
export function requireModelSource(user: string, value: unknown): void {
  requireArgument(user, "the input", either(path, bytes, model), value);
}

/** Throws EdgecError BAD_OPTION for what is neither the path of a model nor its bytes. */
export function requireModelFile(user: string, value: unknown): void {
  requireArgument(user, "the input", either(path, bytes), value);
}

/** Throws EdgecError BAD_OPTION for what is no model in memory. */
export function requireModel(user: string, value: unknown): void {
  requireArgument(user, "the model", { ...model, expected: "a model, such as readModel returns" }, value);
}

/** Throws EdgecError BAD_OPTION for what is no path. */
export function requirePath(user: string, name: string, value: unknown): void {
  requireArgument(user, name, path, value);
}

/** Throws EdgecError BAD_OPTION for what is no text. */
export function requireText(user: string, name: string, value: unknown): void {
  requireArgument(user, name, text, value);
}

/** Throws EdgecError BAD_OPTION for what is no list of paths. */
export function requirePaths(user: string, name: string, value: unknown): void {
  requireArgument(user, name, listOf("paths", path), value);
}

function isModel(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { graph, opsetImports, functions } = value as Readonly<Record<string, unknown>>;
  if (typeof graph !== "object" || graph === null) return false;
  const { nodes, inputs, outputs, initializers } = graph as Readonly<Record<string, unknown>>;
  return [opsetImports, functions, nodes, inputs, outputs, initializers].every(Array.isArray);
}
