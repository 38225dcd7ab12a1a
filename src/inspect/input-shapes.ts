/**
 * Checks sizes that the user gives for a model's inputs against its declarations, and puts them in place of
 * symbols.
 */
import { EdgecError, suggestion } from "../errors.js";
import {
  DataType,
  type Dimension,
  fedInputs,
  type Model,
  type TensorType,
  type ValueInfo,
} from "../ir/index.js";
import { option } from "../option-names.js";

export interface GivenSizes {
  /** Whole shapes by input name: { image: [1, 3, 224, 224] }. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Sizes by symbol: { batch: 1 }. */
  readonly dims?: Readonly<Record<string, number>>;
}

/**
 * Puts the sizes into the declarations of `model`, in place. Throws EdgecError UNMATCHED_SELECTOR for an
 * input or symbol that the model does not have; BAD_OPTION for a size that is not a whole number above 0, for
 * a rank other than the declared one, and for sizes that contradict a declaration or each other.
 */
export function giveSizes(model: Model, { shapes = {}, dims = {} }: GivenSizes): void {
  const symbols = new Map<string, number>();
  const inputs = fedInputs(model);
  const known = new Set(
    inputs
      .flatMap(({ type }) => type?.tensor?.shape ?? [])
      .filter((dim): dim is string => typeof dim === "string"),
  );
  for (const [symbol, size] of Object.entries(dims)) {
    requireSize(size, `${option("dims")} ${symbol}`);
    if (!known.has(symbol))
      throw unknown(
        `"${symbol}" is not a symbolic dimension of the model's inputs`,
        symbol,
        known,
        option("dims"),
      );
    symbols.set(symbol, size);
  }
  const byName = new Map(Object.entries(shapes));
  for (const [name, shape] of byName) {
    const input = inputs.find((each) => each.name === name);
    if (!input)
      throw unknown(
        `"${name}" is not an input of the model`,
        name,
        inputs.map((each) => each.name),
        option("shapes"),
      );
    requireShape(input, shape, symbols);
  }
  for (const value of [...model.graph.inputs, ...model.graph.outputs, ...model.graph.valueInfo]) {
    const shape = byName.get(value.name);
    const tensor = value.type?.tensor;
    if (shape && model.graph.inputs.includes(value))
      value.type = { tensor: { elementType: tensor?.elementType ?? DataType.UNDEFINED, shape: [...shape] } };
    else if (tensor?.shape)
      value.type = {
        tensor: {
          ...tensor,
          shape: tensor.shape.map((dim) => (typeof dim === "string" ? (symbols.get(dim) ?? dim) : dim)),
        },
      };
  }
}

function unknown(what: string, given: string, candidates: Iterable<string>, user: string): EdgecError {
  const names = [...candidates];
  const known =
    names.length === 0
      ? " It has none."
      : ` It has ${names
          .slice(0, 10)
          .map((name) => `"${name}"`)
          .join(", ")}${names.length > 10 ? ", …" : ""}.`;
  return new EdgecError("UNMATCHED_SELECTOR", `${user}: ${what}.${suggestion(given, names)}${known}`);
}

function requireSize(size: number, given: string): void {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new EdgecError("BAD_OPTION", `${given}: a size must be a whole number, 1 or more, not ${size}.`);
}

/** Also collects the sizes of the symbols. */
function requireShape(
  { name, type }: ValueInfo,
  shape: readonly number[],
  symbols: Map<string, number>,
): void {
  const given = `${option("shapes")} ${name}`;
  for (const size of shape) requireSize(size, given);
  if (!Number.isSafeInteger(shape.reduce((all, size) => all * size, 1)))
    throw new EdgecError("BAD_OPTION", `${given}: [${shape.join(", ")}] has too many elements.`);
  const declared = type?.tensor?.shape;
  if (!declared) return;
  if (declared.length !== shape.length) {
    throw new EdgecError(
      "BAD_OPTION",
      `${given}: the input has ${declared.length} dimensions, ${shapeText(type.tensor)}, ` +
        `but ${shape.length} are given.`,
    );
  }
  declared.forEach((dim, axis) => {
    const size = shape[axis] ?? 0;
    const fixed = typeof dim === "string" ? symbols.get(dim) : dim;
    if (fixed !== undefined && fixed !== size) {
      throw new EdgecError(
        "BAD_OPTION",
        `${given}: dimension ${axis} is ` +
          `${typeof dim === "string" ? `"${dim}" = ${fixed}` : `fixed to ${fixed}`} in the ` +
          `model, so it cannot be ${size}.`,
      );
    }
    if (typeof dim === "string") symbols.set(dim, size);
  });
}

/** The shape as "[N, 3, ?, ?]", or "of unknown rank". */
export function shapeText(type: TensorType | undefined): string {
  return type?.shape ? `[${type.shape.map((dim: Dimension) => dim ?? "?").join(", ")}]` : "of unknown rank";
}
