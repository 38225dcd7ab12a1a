/** Telling loss that was asked for from outputs that are broken. */
import { allNodes, allTensors, DataType, type Model } from "../ir/index.js";
import type { Fidelity } from "../verify/index.js";
import type { Plan } from "../plan/plan-types.js";
import { RANDOM_OPERATORS } from "../ops/random-operators.js";

/**
 * Rounding of float32, folded weights included, stays above this: on PP-OCRv4, whose normalizations are
 * folded, 126 dB and more. dB.
 */
const EXACT_DB = 60;
/** The same for models that round coarsely by themselves, where a last bit may become a whole code. */
const EXACT_COARSE_DB = 30;
/** Share of equal integers: an index may follow the rounding of what it points at. */
const EXACT_AGREEMENT = 0.95;
/** A share of equal integers or words below which nothing of them is left to speak of. */
const LITTLE_AGREEMENT = 0.1;
/** Noise of a hundred times the signal is no approximation of it. dB. */
const ABSURD_DB = -40;

/** Errors that are nothing in themselves, however small the signal is: an output may be zero throughout. */
const TINY = { exact: 1e-5, lossy: 1e-2 } as const;

export interface Expectation {
  /** Only exact passes ran, and the model gives the same every time. */
  readonly isExact: boolean;
  /** The model computes in half precision, or in codes. */
  readonly isCoarse: boolean;
}

export function expectationOf(model: Model, plan: Plan): Expectation {
  const onlyExact = plan.every((step) => step.passes.every((pass) => !pass.lossy));
  return { isExact: onlyExact && !drawsNumbers(model), isCoarse: isCoarse(model) };
}

/** Random numbers follow the number of the node that draws them, which changes with any node before it. */
function drawsNumbers(model: Model): boolean {
  for (const { opType, inputs } of allNodes(model))
    if (RANDOM_OPERATORS.has(opType) || (opType === "Dropout" && inputs.length > 2)) return true;
  return false;
}

function isCoarse(model: Model): boolean {
  for (const { dataType } of allTensors(model))
    if (dataType === DataType.FLOAT16 || dataType === DataType.BFLOAT16) return true;
  for (const { opType } of allNodes(model)) if (opType.includes("QuantizeLinear")) return true;
  return false;
}

/**
 * What is wrong with the outputs, in words that go on after "with it "; undefined when they are as they may
 * be.
 */
export function brokenOutputs({ outputs }: Fidelity, { isExact, isCoarse }: Expectation): string | undefined {
  const exactDb = isCoarse ? EXACT_COARSE_DB : EXACT_DB;
  for (const [name, { sqnrDb, agreement, nonFinite, maxAbsError }] of Object.entries(outputs)) {
    if (nonFinite > 0)
      return `${nonFinite} values of output "${name}" are NaN or infinite where the original's are not`;
    if (maxAbsError <= (isExact && !isCoarse ? TINY.exact : TINY.lossy)) continue;
    if (sqnrDb !== null && sqnrDb < ABSURD_DB)
      return `output "${name}" has nothing of the original's left (${sqnrDb.toFixed(1)} dB)`;
    if (!isExact) continue;
    if (agreement !== null ? agreement < EXACT_AGREEMENT : sqnrDb !== null && sqnrDb < exactDb) {
      return agreement !== null
        ? `only ${(100 * agreement).toFixed(1)} % of output "${name}" are as they were, though the pass is exact`
        : `output "${name}" changes beyond rounding (${sqnrDb?.toFixed(1) ?? ""} dB), though the pass is exact`;
    }
  }
  return undefined;
}

/**
 * Whether there is so much loss that it is worth a look at the exact passes: the noise is larger than the
 * signal.
 */
export function isSuspicious({ outputs }: Fidelity): boolean {
  return Object.values(outputs).some(({ sqnrDb, agreement, maxAbsError }) => {
    if (agreement !== null) return agreement < LITTLE_AGREEMENT;
    return sqnrDb !== null && sqnrDb < 0 && maxAbsError > TINY.lossy;
  });
}
