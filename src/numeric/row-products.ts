/**
 * Products of a symmetric matrix with a few vectors at once, so that each loaded part of it is used several
 * times.
 */

/** Number of vectors multiplied at once. */
export const TILE = 4;

/** H v for each of up to TILE vectors; `h` is full symmetric [n, n]. */
export function multiplyRows(h: Float64Array, n: number, vectors: readonly Float64Array[]): Float64Array[] {
  const none = new Float64Array(vectors.length < TILE ? n : 0);
  const [a = none, b = none, c = none, d = none] = vectors;
  const results = Array.from({ length: TILE }, () => new Float64Array(n));
  const [ra, rb, rc, rd] = results as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let i = 0; i < n; i += 2) {
    // With an odd number of rows, the last one is computed twice.
    const j = Math.min(i + 1, n - 1);
    const [first, second] = [i * n, j * n];
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let t0 = 0;
    let t1 = 0;
    let t2 = 0;
    let t3 = 0;
    for (let k = 0; k < n; k++) {
      const x = h[first + k]!;
      const y = h[second + k]!;
      const va = a[k]!;
      const vb = b[k]!;
      const vc = c[k]!;
      const vd = d[k]!;
      s0 += x * va;
      s1 += x * vb;
      s2 += x * vc;
      s3 += x * vd;
      t0 += y * va;
      t1 += y * vb;
      t2 += y * vc;
      t3 += y * vd;
    }
    ra[i] = s0;
    rb[i] = s1;
    rc[i] = s2;
    rd[i] = s3;
    ra[j] = t0;
    rb[j] = t1;
    rc[j] = t2;
    rd[j] = t3;
  }
  return results.slice(0, vectors.length);
}
