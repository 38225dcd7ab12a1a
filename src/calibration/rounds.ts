/** Dividing the requests into rounds that each fit in memory. The dataset runs once for each round. */
import { groupBy } from "../group-by.js";
import { rowSource } from "../numeric/im2col.js";
import type { GramRequest, StatisticRequest } from "../numeric/statistics.js";

export interface RoundLimits {
  /** Bytes of activations of one sample that are alive at once. */
  readonly activationBytes: number;
  /** Bytes of Gram matrices that are accumulated at once. */
  readonly gramBytes: number;
}

export interface RoundPlan {
  readonly rounds: readonly (readonly StatisticRequest[])[];
  /** Gram matrices that by themselves exceed the limit, with their bytes. */
  readonly tooLarge: readonly { readonly request: GramRequest; readonly bytes: number }[];
}

/**
 * Packs requests into rounds in the order of `shapes`, which is that of the graph: an early round then needs only
 * the early nodes of the model.
 * @param shapes the tensors' shapes in the first sample; others may be larger, so the limit is approximate
 */
export function planRounds(requests: readonly StatisticRequest[], shapes: ReadonlyMap<string, readonly number[]>, limits: RoundLimits): RoundPlan {
  const rounds: StatisticRequest[][] = [];
  const tooLarge: { request: GramRequest; bytes: number }[] = [];
  const byTensor = groupBy(requests, ({ tensor }) => tensor);
  let activations = Infinity;
  let grams = Infinity;
  for (const [tensor, dims] of shapes) {
    const own = (byTensor.get(tensor) ?? []).filter((request) => !isTooLarge(request, dims, limits, tooLarge));
    if (own.length === 0) continue;
    const bytes = 4 * dims.reduce((product, dim) => product * dim, 1);
    // A tensor's Gram requests may themselves exceed one round, so each starts another when it must.
    for (const request of own) {
      const gram = request.kind === "gram" ? gramBytes(request, dims) : 0;
      const round = rounds.at(-1);
      // Requests of one tensor come one after the other.
      const here = round?.at(-1)?.tensor === tensor ? 0 : bytes;
      if (round && activations + here <= limits.activationBytes && grams + gram <= limits.gramBytes) {
        round.push(request);
        activations += here;
        grams += gram;
      } else {
        rounds.push([request]);
        activations = bytes;
        grams = gram;
      }
    }
  }
  return { rounds, tooLarge };
}

function isTooLarge(request: StatisticRequest, dims: readonly number[], limits: RoundLimits, found: { request: GramRequest; bytes: number }[]): boolean {
  if (request.kind !== "gram") return false;
  const bytes = gramBytes(request, dims);
  if (bytes > limits.gramBytes) found.push({ request, bytes });
  return bytes > limits.gramBytes;
}

/** Bytes of the matrices of a request on a tensor of shape `dims`; 0 when it has no such rows. */
export function gramBytes(request: GramRequest, dims: readonly number[]): number {
  const source = rowSource(request.layout, dims);
  return source ? 8 * source.size ** 2 * source.groups : 0;
}
