/** Divides the requests into rounds whose second-moment matrices fit in memory. */
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
 * Packs requests into rounds in the order of `shapes`, which is the order of the graph: each round then needs
 * only the nodes behind those of the round before it. Other requests take little memory. They come with the round
 * of the matrices around them.
 * @param shapes the tensors' shapes in the first sample; others may be larger, so the limit is approximate
 */
export function planRounds(
  requests: readonly StatisticRequest[],
  shapes: ReadonlyMap<string, readonly number[]>,
  limits: RoundLimits,
): RoundPlan {
  const rounds: StatisticRequest[][] = [];
  const tooLarge: { request: GramRequest; bytes: number }[] = [];
  const byTensor = groupBy(requests, ({ tensor }) => tensor);
  let grams = 0;
  for (const [tensor, dims] of shapes) {
    for (const request of byTensor.get(tensor) ?? []) {
      const [bytes, growing] = request.kind === "gram" ? gramBytes(request, dims, limits.samples) : [0, 0];
      if (request.kind === "gram" && bytes > limits.gramBytes) {
        tooLarge.push({ request, bytes });
        continue;
      }
      if (rounds.length === 0 || (growing > 0 && grams > 0 && grams + growing > limits.roundBytes)) {
        rounds.push([]);
        grams = 0;
      }
      rounds.at(-1)!.push(request);
      grams += growing;
    }
  }
  return { rounds, tooLarge };
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
