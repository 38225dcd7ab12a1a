/** Refits what is left of a small layer exactly, and measures anew what losing each weight would cost. */
import { SupportSolver } from "../numeric/least-squares.js";
import { partOfSystem, ridgeOf } from "./input-system.js";
import type { MatrixEngine } from "./matrix.js";
import { supportOf } from "./refit-rows.js";
import type { MeasuredRows } from "./score-rows.js";

/** What is refit, and its losses, where they were measured anew. */
export interface MeasuredAnew {
  readonly fitted: Float32Array;
  readonly scores: Float32Array;
}

/**
 * Row by row, as losses need an inverse for each. Changes `fitted` and `scores` there.
 * @param norm as `scoreRows` gave it
 */
export function measureRows(
  _engine: MatrixEngine,
  { weights: original, rows, columns, inputs, system }: MeasuredRows,
  { fitted, scores }: MeasuredAnew,
  alive: Uint8Array,
  norm: number,
): Promise<MeasuredAnew> {
  const share = rows / inputs.length;
  inputs.forEach((own, group) => {
    const ridge = own && ridgeOf(own, system);
    if (!own || ridge === undefined) return;
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
  });
  return Promise.resolve({ fitted, scores });
}
