/** The products of an engine, as routines. */
import type { Matrix, MatrixEngine, Reals } from "./matrix.js";

/** A B, or A Bᵀ. */
export function multiply(engine: MatrixEngine, a: Matrix, b: Matrix, transposed = false): Promise<Matrix> {
  return engine.multiply<Reals>(a, b, transposed);
}

/** Aᵀ A. */
export function gram(engine: MatrixEngine, a: Matrix): Promise<Matrix> {
  return engine.gram<Reals>(a);
}
