/** What removing a weight costs, by column, and what rows put out. */
import { known, type LayerInputs, type SystemOptions } from "./input-system.js";
import { type MatrixEngine, matrixOf, slabs } from "./matrix.js";
import { inverseDiagonalOf, type System, systemFrom } from "./system.js";

/** A layer's rows; those of a group, one after the other, share their inputs. */
export interface MeasuredRows {
  /** [rows, columns] */
  readonly weights: Float32Array;
  readonly rows: number;
  readonly columns: number;
  /** Those of each group; undefined if not measured. */
  readonly inputs: readonly (LayerInputs | undefined)[];
  readonly system: SystemOptions;
}

/** Of a group of rows that share their inputs. Empty if the inputs never varied. */
export interface Removals {
  /** The loss of removing a weight of size 1, for each column. */
  readonly losses?: Float64Array;
  /** What the rows put out: Σ (W H) ∘ W. */
  readonly energy?: number;
}

/** By group; undefined where the inputs are not known. */
export async function measureRemovals(
  engine: MatrixEngine,
  { weights, rows, columns, inputs, system }: MeasuredRows,
): Promise<(Removals | undefined)[]> {
  const share = (rows / inputs.length) * columns;
  const found: (Removals | undefined)[] = [];
  for (const [group, given] of inputs.entries()) {
    const own = given && known(given);
    // First, because computing the energy consumes the moments.
    const losses = own && (await inverseDiagonalOf(engine, own, system));
    const h = own && systemFrom(engine, own, system);
    if (!own || !h || !losses) {
      found.push(own && {});
      continue;
    }
    for (let j = 0; j < columns; j++) losses[j] = own.unit ** 2 / losses[j]!;
    const part = weights.subarray(group * share, (group + 1) * share);
    found.push({ losses, energy: (await energyOf(part, columns, h)) * own.unit ** 2 });
  }
  return found;
}

async function energyOf(weights: Float32Array, columns: number, h: System): Promise<number> {
  // Products of huge or tiny weights do not fit single precision.
  const scale = largest(weights);
  if (scale === 0) return 0;
  let energy = 0;
  for (const [from, to] of slabs(weights.length / columns, columns)) {
    const some = weights.slice(from * columns, to * columns);
    for (let i = 0; i < some.length; i++) some[i]! /= scale;
    energy += await h.energy(matrixOf(to - from, columns, some));
  }
  return energy * scale ** 2;
}

function largest(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]!));
  return most;
}
