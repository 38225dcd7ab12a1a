/** Signal-to-noise ratios in decibels. */

/** The ratio of two powers; Infinity without noise. */
export function decibels(signal: number, noise: number): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}

/** Noise as a share of the signal's power. */
export function noiseOf(db: number): number {
  return 10 ** (-db / 10);
}
