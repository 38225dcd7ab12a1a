/** Linear algebra for passes, wherever it runs. */
import type { Matrix } from "./matrix.js";
import { PLAIN_ENGINE } from "./plain-engine.js";
import * as ROUTINES from "./routines.js";

export type Routines = typeof ROUTINES;
export type RoutineName = keyof Routines;
export type RoutineArguments<K extends RoutineName> =
  Parameters<Routines[K]> extends readonly [unknown, ...infer Rest] ? Rest : never;

/** Carries out a routine beside an engine: in another process, on a thread, in place. */
export type RunRoutine = <K extends RoutineName>(
  routine: K,
  ...args: RoutineArguments<K>
) => ReturnType<Routines[K]>;

/** Arrays that fill their buffer may be transferred: pass copies of what is still needed. */
export interface LinearAlgebra {
  /** A B, or A Bᵀ with `transposed`, in the common precision of both. */
  multiply(a: Matrix, b: Matrix, transposed?: boolean): Promise<Matrix>;
  /** Aᵀ A. */
  gram(a: Matrix): Promise<Matrix>;
  /** L of A = L Lᵀ (Cholesky); undefined when A is not positive definite. */
  factorize(a: Matrix<Float64Array>): Promise<Matrix<Float64Array> | undefined>;
  /** X of X A = B, for every row of B, given the factor of A. */
  solve(factor: Matrix<Float64Array>, b: Matrix<Float64Array>): Promise<Matrix<Float64Array>>;
  /** Runs a whole solver elsewhere: only its arguments and its result are transferred. */
  run: RunRoutine;
  /** Whether solvers read the inputs of layers from files, so that they need not be transferred. */
  readonly readsFiles: boolean;
}

export function linearAlgebraOver(run: RunRoutine, readsFiles = false): LinearAlgebra {
  return {
    readsFiles,
    multiply: (a, b, transposed) => run("multiply", a, b, transposed),
    gram: (a) => run("gram", a),
    factorize: (a) => run("factorize", a),
    solve: (factor, b) => run("solveRows", factor, b),
    run,
  };
}

/** Carries out a routine by name, here. */
export function runRoutine<K extends RoutineName>(
  engine: Parameters<Routines[K]>[0],
  routine: K,
  args: RoutineArguments<K>,
): ReturnType<Routines[K]> {
  const call = ROUTINES[routine] as unknown as (
    engine: Parameters<Routines[K]>[0],
    ...args: readonly unknown[]
  ) => ReturnType<Routines[K]>;
  return call(engine, ...args);
}

/** The same with plain loops. */
export function runPlainly<K extends RoutineName>(routine: K, args: RoutineArguments<K>): Promise<unknown> {
  return runRoutine(PLAIN_ENGINE, routine, args);
}
