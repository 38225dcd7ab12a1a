/** The few values that weights become when all of them weigh the same. */
import { kMeans1d, nearestEntry } from "./k-means.js";

/**
 * Gives `values`, in place, at most `k` distinct ones of least squared error, `fixed` included, which keeps
 * its places. All weigh the same. Returns them.
 */
export function clusterFlat(values: Float32Array, k: number, fixed: number | undefined): Float32Array {
  const counts = fixed === undefined ? undefined : new Uint8Array(values.length);
  if (counts) for (let i = 0; i < values.length; i++) counts[i] = values[i] === fixed ? 0 : 1;
  const book = kMeans1d(values, fixed === undefined ? k : k - 1, counts).map(Math.fround);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value !== fixed) values[i] = book[nearestEntry(book, value)]!;
  }
  return values;
}
