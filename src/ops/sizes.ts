/**
 * Symbolic sizes: polynomials with integer coefficients over symbols, so that H · W / W is H and N + 1 - 1 is
 * N. A size is a number, a symbol of the model, or a generated symbol for a polynomial or a rounded quotient.
 * Sizes that this algebra recognizes as equal have the same symbol; different symbols may still be equal sizes.
 */
import type { Dimension } from "../ir/index.js";

/** Coefficients by monomial; a monomial is the sorted ids of its symbols, "" the constant. */
type Polynomial = ReadonlyMap<string, number>;

/** Prefix of generated symbols; declared names with this prefix are not treated as symbols. */
export const MADE_PREFIX = "\0";
/** Larger polynomials are not kept, because no real model needs them. */
const MAX_TERMS = 12;
const MAX_DEGREE = 12;

export class Sizes {
  private readonly ids = new Map<string, string>();
  private readonly symbols: string[] = [];
  private readonly made = new Map<string, string>();
  private readonly polynomials = new Map<string, Polynomial>();
  private count = 0;

  /** A symbol for a size about which nothing is known. */
  fresh(): string {
    return `${MADE_PREFIX}${this.count++}`;
  }

  /** A mark that separates existing symbols from those generated later. */
  mark(): number {
    return this.count;
  }

  /** Whether the symbol existed at the mark: one of the model, or one generated before. */
  isOlder(symbol: string, mark: number): boolean {
    return !symbol.startsWith(MADE_PREFIX) || Number(symbol.slice(MADE_PREFIX.length)) < mark;
  }

  add(a: Dimension, b: Dimension): Dimension {
    if (typeof a === "number" && typeof b === "number") return checked(a + b);
    return this.combine(a, b, (p, q) => sum(p, q, 1));
  }

  subtract(a: Dimension, b: Dimension): Dimension {
    if (a !== undefined && a === b) return 0;
    if (typeof a === "number" && typeof b === "number") return checked(a - b);
    return this.combine(a, b, (p, q) => sum(p, q, -1));
  }

  multiply(a: Dimension, b: Dimension): Dimension {
    if (a === 1) return b;
    if (b === 1) return a;
    if (typeof a === "number" && typeof b === "number") return checked(a * b);
    return this.combine(a, b, product);
  }

  product(sizes: readonly Dimension[]): Dimension {
    return sizes.reduce<Dimension>((total, size) => this.multiply(total, size), 1);
  }

  /** a / b, if that is an integer for all values of the symbols; undefined otherwise. */
  divideExactly(a: Dimension, b: Dimension): Dimension {
    if (b === 1) return a;
    if (a === undefined || b === undefined || b === 0) return undefined;
    if (a === b) return 1;
    if (typeof a === "number" && typeof b === "number") return a % b === 0 ? a / b : undefined;
    const [divisor, ...others] = this.polynomial(b);
    if (!divisor || others.length > 0) return undefined;
    const quotient = new Map<string, number>();
    for (const [monomial, coefficient] of this.polynomial(a)) {
      const rest = without(monomial, divisor[0]);
      if (rest === undefined || coefficient % divisor[1] !== 0) return undefined;
      quotient.set(rest, coefficient / divisor[1]);
    }
    return this.size(quotient);
  }

  /** The product of `above` divided by that of `below`, if it is an integer; sizes in both cancel. */
  quotient(above: readonly Dimension[], below: readonly Dimension[]): Dimension {
    const rest = [...above];
    const left = below.filter((size) => {
      const at = size === undefined ? -1 : rest.indexOf(size);
      if (at >= 0) rest.splice(at, 1);
      return at < 0;
    });
    return this.divideExactly(this.product(rest), this.product(left));
  }

  /** a / n rounded down, for n above 0. */
  floorDivide(a: Dimension, n: number): Dimension {
    if (a === undefined || !(n > 0)) return undefined;
    if (n === 1) return a;
    if (typeof a === "number") return Math.floor(a / n);
    const whole = new Map<string, number>();
    const rest = new Map<string, number>();
    for (const [monomial, coefficient] of this.polynomial(a)) {
      const part = Math.floor(coefficient / n);
      // Only a constant may be split; other terms must have coefficients that are multiples of the divisor.
      if (monomial === "" || coefficient % n === 0) {
        if (part !== 0) whole.set(monomial, part);
        if (coefficient !== part * n) rest.set(monomial, coefficient - part * n);
      } else rest.set(monomial, coefficient);
    }
    const isWhole = [...rest.keys()].every((monomial) => monomial === "");
    if (isWhole) return this.size(whole);
    return this.add(this.size(whole), this.named(`floor ${n} ${keyOf(rest)}`));
  }

  private combine(
    a: Dimension,
    b: Dimension,
    operation: (p: Polynomial, q: Polynomial) => Polynomial | undefined,
  ): Dimension {
    if (a === undefined || b === undefined) return undefined;
    const result = operation(this.polynomial(a), this.polynomial(b));
    return result && this.size(result);
  }

  private polynomial(size: number | string): Polynomial {
    if (typeof size === "number") return size === 0 ? new Map() : new Map([["", size]]);
    return this.polynomials.get(size) ?? new Map([[this.id(size), 1]]);
  }

  private size(polynomial: Polynomial): Dimension {
    if (polynomial.size === 0) return 0;
    if (polynomial.size > MAX_TERMS || [...polynomial.values()].some((value) => !Number.isSafeInteger(value)))
      return undefined;
    const [[monomial, coefficient] = ["", 0]] = polynomial;
    if (polynomial.size === 1 && monomial === "") return coefficient;
    if (polynomial.size === 1 && coefficient === 1 && !monomial.includes("*"))
      return this.symbols[Number(monomial)];
    const symbol = this.named(keyOf(polynomial));
    this.polynomials.set(symbol, polynomial);
    return symbol;
  }

  private named(key: string): string {
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const symbol = this.fresh();
    this.made.set(key, symbol);
    return symbol;
  }

  private id(symbol: string): string {
    const known = this.ids.get(symbol);
    if (known !== undefined) return known;
    const id = String(this.symbols.push(symbol) - 1);
    this.ids.set(symbol, id);
    return id;
  }
}

/** An algebra of numbers and unknowns only, as in the runtimes' own inference. */
export class NumericSizes extends Sizes {
  override quotient(above: readonly Dimension[], below: readonly Dimension[]): Dimension {
    return [...above, ...below].every((size) => typeof size === "number")
      ? super.quotient(above, below)
      : undefined;
  }
}

function checked(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}

function keyOf(polynomial: Polynomial): string {
  return [...polynomial]
    .map(([monomial, coefficient]) => `${coefficient}:${monomial}`)
    .sort()
    .join("+");
}

function sum(p: Polynomial, q: Polynomial, sign: number): Polynomial {
  const result = new Map(p);
  for (const [monomial, coefficient] of q) {
    const total = (result.get(monomial) ?? 0) + sign * coefficient;
    if (total === 0) result.delete(monomial);
    else result.set(monomial, total);
  }
  return result;
}

function product(p: Polynomial, q: Polynomial): Polynomial | undefined {
  if (p.size * q.size > MAX_TERMS * 2) return undefined;
  let result: Polynomial = new Map();
  for (const [a, x] of p)
    for (const [b, y] of q) {
      const factors = [...factorsOf(a), ...factorsOf(b)].sort();
      if (factors.length > MAX_DEGREE) return undefined;
      result = sum(result, new Map([[factors.join("*"), x * y]]), 1);
    }
  return result;
}

function factorsOf(monomial: string): string[] {
  return monomial === "" ? [] : monomial.split("*");
}

/** The monomial divided by another, or undefined if it is not divisible by it. */
function without(monomial: string, divisor: string): string | undefined {
  const factors = factorsOf(monomial);
  for (const factor of factorsOf(divisor)) {
    const at = factors.indexOf(factor);
    if (at < 0) return undefined;
    factors.splice(at, 1);
  }
  return factors.join("*");
}
