/** Patterns for constants that are a single number, and for steps that scale or shift a value by one. */
import { DataType, elementCount, toNumbers } from "../ir/index.js";
import {
  fit,
  leaf,
  type Leaf,
  misfit,
  nearMisfit,
  node,
  oneOf,
  type OneOf,
  type Outcome,
  type Pattern,
  type Scope,
} from "./pattern.js";

/** Largest relative difference from the expected constant: allows for float32 and for 7 decimal digits. */
export const CONSTANT_TOLERANCE = 1e-6;

interface NumberOptions {
  /** Allowed relative difference from the expected number. */
  readonly tolerance?: number;
  /** Also accepts constants of types other than float32. */
  readonly isOfAnyType?: boolean;
}

/**
 * A float32 constant of one element that does not raise the rank: a scalar or a vector of size 1.
 * @param wanted the expected number; default: any
 */
export function number(
  name: string,
  wanted?: number,
  { tolerance = CONSTANT_TOLERANCE, isOfAnyType = false }: NumberOptions = {},
): Leaf<number> {
  return leaf(name, (value, _, scope) => {
    const read = numberAt(value, scope, isOfAnyType);
    return read === undefined
      ? misfit(() => `"${value}" is not a constant number`)
      : nearTo(value, read, wanted, tolerance);
  });
}

/** Exactly this number. */
export function exactly(wanted: number, options: Pick<NumberOptions, "isOfAnyType"> = {}): Leaf<number> {
  return number(String(wanted), wanted, { ...options, tolerance: 0 });
}

/** The reciprocal of a number; the match returns it under the key of that number. */
function reciprocal(of: Leaf<number>, wanted: number | undefined, tolerance: number): Leaf<number> {
  const read = (value: string, scope: Scope): Outcome<number> => {
    const divisor = numberAt(value, scope, false);
    return divisor === undefined || divisor === 0
      ? misfit(() => `"${value}" is not a nonzero constant number`)
      : nearTo(value, 1 / divisor, wanted, tolerance, "1 / ");
  };
  return { ...leaf(of.name, (value, _, scope) => read(value, scope)), key: of };
}

function nearTo(
  value: string,
  read: number,
  wanted: number | undefined,
  tolerance: number,
  sign = "",
): Outcome<number> {
  if (wanted === undefined || Math.abs(read - wanted) <= tolerance * Math.abs(wanted)) return fit(read);
  return nearMisfit(
    () => `the constant ${sign}"${value}" is ${short(read)} where ${short(wanted)} is expected`,
  );
}

function short(value: number): string {
  return String(Number(value.toPrecision(7)));
}

function numberAt(value: string, { editor }: Scope, isOfAnyType: boolean): number | undefined {
  const tensor = editor.constant(value);
  if (!tensor || tensor.dims.length > 1 || elementCount(tensor) !== 1) return undefined;
  return isOfAnyType || tensor.dataType === DataType.FLOAT ? toNumbers(tensor)[0] : undefined;
}

/** A value multiplied by a number, or divided by its reciprocal, in one node. */
export interface Scaled {
  readonly pattern: OneOf;
  /** The key of the matched factor. */
  readonly factor: Leaf<number>;
}

export function scaled(
  inner: Pattern,
  wanted?: number,
  { tolerance = CONSTANT_TOLERANCE }: NumberOptions = {},
): Scaled {
  const factor = number("factor", wanted, { tolerance });
  const divided = node("Div", [inner, reciprocal(factor, wanted, tolerance)]);
  return { pattern: oneOf(node("Mul", [inner, factor]), divided), factor };
}

/** The value times a given number. */
export function times(inner: Pattern, wanted: number, options: NumberOptions = {}): OneOf {
  return scaled(inner, wanted, options).pattern;
}
