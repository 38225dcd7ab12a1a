/** Noise as a share of the signal's power, from decibels. */
export function noiseOf(db: number): number {
  return 10 ** (-db / 10);
}
