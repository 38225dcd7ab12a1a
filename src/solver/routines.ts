/**
 * The routines that run beside the engine, by name. They take an engine, numbers and typed arrays, so that only
 * arguments and results are transferred between processes or threads.
 */
import type { Matrix, MatrixEngine, Reals } from "./matrix.js";

export { clusterRows } from "./cluster-rows.js";
export { measureRows } from "./measure-rows.js";
export { refitRows } from "./refit-rows.js";
export { measureRemovals } from "./measure-removals.js";
export { scoreRows } from "./score-rows.js";
export { factorize, solveRows } from "./factorize.js";

/** A B, or A Bᵀ. */
export function multiply(engine: MatrixEngine, a: Matrix, b: Matrix, transposed = false): Promise<Matrix> {
  return engine.multiply<Reals>(a, b, transposed);
}

/** Aᵀ A. */
export function gram(engine: MatrixEngine, a: Matrix): Promise<Matrix> {
  return engine.gram<Reals>(a);
}
