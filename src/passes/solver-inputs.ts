/** The measured inputs of a layer in the form that solvers take. */
import { inputFile, inputMoments, inputRows } from "../layers/input-moments.js";
import type { Layer } from "../layers/layer.js";
import type { WeightLayer } from "../layers/weight-layers.js";
import type { GramRequest, Statistics } from "../numeric/statistics.js";
import { type LayerInputs, type LinearAlgebra, measuredInputs, sampledInputs } from "../solver/index.js";

/** One for each group, undefined where they are all zero; undefined if they were not measured. */
export function solverInputs(
  layer: WeightLayer,
  requests: ReadonlyMap<Layer, GramRequest>,
  statistics: Statistics | undefined,
  { readsFiles }: LinearAlgebra,
): (LayerInputs | undefined)[] | undefined {
  const file = readsFiles ? inputFile(layer, requests, statistics) : undefined;
  if (file) return Array.from({ length: file.groups }, (_, group) => ({ file, group }));
  const rows = inputRows(layer, requests, statistics);
  if (rows?.samples)
    return rows.samples.map((own, g) => sampledInputs(layer.layout.columns, own, rows.means[g]!));
  return inputMoments(layer, requests, statistics)?.map(({ size, matrix, mean, rows }) =>
    measuredInputs(size, matrix, mean, rows),
  );
}

/** Where no inputs are known. */
export function noInputs({ layout: { groups } }: WeightLayer): undefined[] {
  return new Array<undefined>(groups).fill(undefined);
}
