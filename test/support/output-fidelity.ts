/** The figures of an output, for tests that are about some of them. */
import type { OutputFidelity } from "../../src/fidelity/index.js";

/** Those of equal floats, but for what is given. */
export function outputFidelity(given: Partial<OutputFidelity> = {}): OutputFidelity {
  return {
    sqnrDb: null,
    sqnrRange: null,
    worst: null,
    comparedAt: "output",
    pooledSqnrDb: null,
    cosine: 1,
    maxAbsError: 0,
    nearZero: false,
    top1Agreement: null,
    agreement: null,
    nonFinite: 0,
    otherSize: 0,
    ...given,
  };
}
