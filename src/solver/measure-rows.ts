/** Refits the remaining weights of a small layer exactly, and measures the loss of removing each again. */
import { SupportSolver } from "../numeric/least-squares.js";
import { known, momentsOf, partOfSystem, ridgeOf } from "./input-system.js";
import type { MatrixEngine } from "./matrix.js";
import { supportOf } from "./refit-rows.js";
import type { MeasuredRows } from "./measure-removals.js";

/** The refit weights, and their losses if they were measured again. */
export interface MeasuredAnew {
  readonly fitted: Float32Array;
  readonly scores: Float32Array;
}

/**
 * Works row by row, because losses need an inverse for each row. Changes `fitted` and `scores`.
 * @param norm as `scoreRows` gave it
 */
export async function measureRows(
  engine: MatrixEngine,
  { weights: original, rows, columns, inputs, system }: MeasuredRows,
  { fitted, scores }: MeasuredAnew,
  alive: Uint8Array,
  norm: number,
): Promise<MeasuredAnew> {
  const share = rows / inputs.length;
  for (const [group, given] of inputs.entries()) {
    const own = given && (await momentsOf(engine, known(given)));
    const ridge = own && ridgeOf(own, system);
    if (!own || ridge === undefined) continue;
    const solver = new SupportSolver(partOfSystem(own, system, ridge, [0, columns]).data, columns);
    const unit = own.unit ** 2;
    for (let row = group * share; row < (group + 1) * share; row++) {
      const at = row * columns;
      const support = supportOf(alive, at, columns);
      const { weights, losses } = solver.refitWithLosses(support, original.subarray(at, at + columns));
      support.forEach((column, k) => {
        fitted[at + column] = weights[k]!;
        scores[at + column] = (losses[k]! * unit) / norm;
      });
    }
  }
  return { fitted, scores };
}
