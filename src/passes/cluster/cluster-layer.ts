/** Chooses the values of one layer's weights, with data or without, and puts them into the graph. */
import { toFloat32, toNumbers } from "../../ir/index.js";
import { guardedPairs } from "../../layers/kernel-pairs.js";
import type { WeightLayer } from "../../layers/weight-layers.js";
import { readRows, writeRows } from "../../layers/weight-matrix.js";
import {
  encodedPieces,
  finiteValues,
  isFloating,
  piecesOf,
  requireFinite,
  withValues,
} from "../../layers/weight-values.js";
import type { ClusteredRows, MeasuredRows } from "../../solver/index.js";
import { plural } from "../../units.js";
import type { Working } from "../compute.js";
import type { Compute } from "../contract.js";
import { noInputs } from "../solver-inputs.js";

/** λ: as for pruning, see layer-state.ts. */
const RIDGE = 0.01;
/** From this share of zeros on, a tensor counts as pruned, and its zeros stay. */
const PRUNED_SHARE = 0.05;

type Granularity = "tensor" | "channel";

/** The outcome for a layer: `write` puts it into the graph and returns whether anything changed. */
export interface Clustered {
  readonly write?: () => boolean;
  readonly text: string;
  readonly isFitted?: boolean;
  readonly isCutShort?: boolean;
}

/** Chooses at most `k` values for the tensor, or for each of its channels. Without `inputs`, by value alone. */
export async function clusterLayer(
  layer: WeightLayer,
  { k, granularity }: { readonly k: number; readonly granularity: Granularity },
  inputs: MeasuredRows["inputs"] | undefined,
  { compute, linearAlgebra, deadline, samples }: Working,
): Promise<Clustered> {
  const { tensor, layout } = layer;
  const { rows, columns } = layout;
  if (!inputs && granularity === "tensor" && isFloating(tensor)) return clusterByValue(layer, k, compute);
  const weights = readRows(finiteValues(tensor), layout);
  const before = mostDistinct(weights, rowSets(rows, granularity), columns, k);
  if (before <= k) return { text: `has ${before} distinct ${before === 1 ? "value" : "values"} already` };
  const integers = !isFloating(tensor);
  const fixed = fixedValue(weights, integers ? zeroPoint(layer) : 0);
  const clustered = await linearAlgebra.run("clusterRows", {
    weights,
    rows,
    columns,
    inputs: inputs ?? noInputs(layer),
    system: { ridge: RIDGE, centred: false },
    integers,
    importance: importanceOf(layer),
    fixed,
    partners: integers ? guardedPairs(layer, weights) : undefined,
    k,
    byRow: granularity === "channel",
    deadline,
  });
  return {
    isFitted: clustered.isFitted,
    isCutShort: clustered.isCutShort,
    text:
      `${k} values${granularity === "channel" ? " for each channel" : ""}, ` +
      `${howOf(clustered, inputs !== undefined, samples)}${fixed === undefined ? "" : ", zeros stay"}`,
    write: () => {
      const replaced = withValues(tensor, writeRows(clustered.values, layout));
      layer.uses[0].editor.replaceInitializer(replaced);
      return replaced !== tensor;
    },
  };
}

function howOf(
  { isFitted, isCutShort }: ClusteredRows,
  isMeasured: boolean,
  samples: number | undefined,
): string {
  if (!isFitted)
    return isMeasured ? "by value alone, because its inputs never varied" : "without calibration data";
  const data = samples === undefined ? "the calibration data" : plural(samples, "calibration sample");
  const how = `chosen so that errors cancel on ${data}`;
  return isCutShort ? `${how} until time ran out` : how;
}

/** Without data, all weights count the same, so rows do not matter. */
async function clusterByValue(layer: WeightLayer, k: number, compute: Compute): Promise<Clustered> {
  const { tensor } = layer;
  const values = toFloat32(tensor);
  requireFinite(values, tensor);
  const before = mostDistinct(values, [[0]], values.length, k);
  if (before <= k) return { text: `has ${before} distinct ${before === 1 ? "value" : "values"} already` };
  const fixed = fixedValue(values, 0);
  const clustered = await compute.run("clusterFlat", values, k, fixed);
  return {
    text: `${k} values, without calibration data${fixed === undefined ? "" : ", zeros stay"}`,
    // There are fewer values than before, so at least one changed.
    write: () => {
      layer.uses[0].editor.replaceValues(tensor, encodedPieces(tensor.dataType, piecesOf(clustered)));
      return true;
    },
  };
}

/** Zero, if it is so frequent that the tensor counts as pruned. */
function fixedValue(values: Float32Array, zero: number): number | undefined {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] === zero) count++;
  return count >= PRUNED_SHARE * values.length ? zero : undefined;
}

/** Rows that share their values. */
function rowSets(rows: number, granularity: Granularity): number[][] {
  const all = Array.from({ length: rows }, (_, row) => row);
  return granularity === "tensor" ? [all] : all.map((row) => [row]);
}

/** The largest number of distinct values in a group; counting stops above `limit`. */
function mostDistinct(
  values: Float32Array,
  groups: readonly number[][],
  columns: number,
  limit: number,
): number {
  let most = 0;
  for (const rows of groups) {
    const distinct = new Set<number>();
    for (const row of rows)
      for (let j = row * columns; j < (row + 1) * columns && distinct.size <= limit; j++)
        distinct.add(values[j]!);
    most = Math.max(most, distinct.size);
  }
  return most;
}

/**
 * The code for zero. If channels differ, which symmetric codes do not, that of the first channel.
 */
function zeroPoint({ uses: [{ coding, editor }] }: WeightLayer): number {
  const tensor = editor.constant(coding?.zeroPoint ?? "");
  return tensor ? (toNumbers(tensor)[0] ?? 0) : 0;
}

/** The square of each row's scale, where scales lie along the rows; 1 otherwise. */
function importanceOf({ uses: [{ coding, editor }], layout: { rows } }: WeightLayer): Float64Array {
  const scales = editor.constant(coding?.scale ?? "");
  const values = scales && isFloating(scales) ? toFloat32(scales) : undefined;
  return values?.length === rows
    ? Float64Array.from(values, (scale) => scale ** 2)
    : new Float64Array(rows).fill(1);
}
