/** Divides the requests into rounds whose second-moment matrices fit in memory. The dataset runs once per round. */
import { groupBy } from "../group-by.js";
import { rowsInPlaceOfMatrix } from "../numeric/gram.js";
import { rowSource } from "../numeric/im2col.js";
import { triangleBytes } from "../numeric/lower-triangle.js";
import type { GramRequest, StatisticRequest } from "../numeric/statistics.js";

export interface RoundLimits {
  /** Most bytes of Gram matrices accumulated at once; one matrix may have more. */
  readonly roundBytes: number;
  /** Most bytes of one matrix. */
  readonly gramBytes: number;
  /** The number of samples, if known: few rows take less memory than their matrix. */
  readonly samples?: number | undefined;
}

export interface RoundPlan {
  readonly rounds: readonly (readonly StatisticRequest[])[];
  /** Gram matrices that exceed the limit alone, with their bytes. */
  readonly tooLarge: readonly { readonly request: GramRequest; readonly bytes: number }[];
}

/**
 * Packs requests into rounds in the order of `shapes`, which is the order of the graph: an early round then
 * needs only the early nodes of the model. Other requests take little memory, and come with the first round.
 * @param shapes the tensors' shapes in the first sample; others may be larger, so the limit is approximate
 */
export function planRounds(
  requests: readonly StatisticRequest[],
  shapes: ReadonlyMap<string, readonly number[]>,
  limits: RoundLimits,
): RoundPlan {
  const first: StatisticRequest[] = [];
  const rounds: StatisticRequest[][] = [];
  const tooLarge: { request: GramRequest; bytes: number }[] = [];
  const byTensor = groupBy(requests, ({ tensor }) => tensor);
  let grams = Infinity;
  for (const [tensor, dims] of shapes) {
    for (const request of byTensor.get(tensor) ?? []) {
      const [bytes, growing] = request.kind === "gram" ? gramBytes(request, dims, limits.samples) : [0, 0];
      if (request.kind === "gram" && bytes > limits.gramBytes) tooLarge.push({ request, bytes });
      else if (bytes === 0) first.push(request);
      else {
        if (grams + growing > limits.roundBytes) {
          rounds.push([]);
          grams = 0;
        }
        rounds.at(-1)!.push(request);
        grams += growing;
      }
    }
  }
  if (rounds.length === 0) return { rounds: first.length > 0 ? [first] : [], tooLarge };
  return { rounds: [[...first, ...rounds[0]!], ...rounds.slice(1)], tooLarge };
}

/**
 * Bytes of the matrices of a request on a tensor of shape `dims`, and what they take while they grow; 0 if it
 * has no such rows.
 */
function gramBytes(
  request: GramRequest,
  dims: readonly number[],
  samples = Infinity,
): readonly [whole: number, growing: number] {
  const source = rowSource(request.layout, dims);
  if (!source) return [0, 0];
  const { size, groups, rows } = source;
  const kept = request.mayBeRows ? rowsInPlaceOfMatrix(size, samples * rows) : undefined;
  if (kept !== undefined) return [4 * kept * size * groups, 4 * kept * size * groups];
  return [8 * size ** 2 * groups, triangleBytes(size) * groups];
}
