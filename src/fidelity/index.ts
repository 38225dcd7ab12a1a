export { makersOfOutputs, type Maker } from "./decisions.js";
export type { ComparedAt } from "./deciding-values.js";
export { FidelityMeter } from "./meter.js";
export {
  isOfFloats,
  lowestAgreement,
  lowestSqnr,
  WORST_SQNR_DB,
  type OutputFidelity,
  type WorstSample,
} from "./output-fidelity.js";
export { isFloatValue, numbersOf, argMax } from "./output-values.js";
export { EQUAL_DB, gainOf, isGain, NO_SCORES, type Gain, type SampleScores } from "./sample-scores.js";
export { MIN_AGREEMENT, MIN_DB, lossesOf, type Loss } from "./much-lost.js";
