/** Distinguishes broken outputs from the loss that lossy passes are allowed. */
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
/** Below this share of equal integers or strings, an output no longer resembles the original's. */
const LITTLE_AGREEMENT = 0.1;
/** Below this, the noise is more than a hundred times as large as the signal, dB. */
const ABSURD_DB = -40;

/** Absolute errors that are accepted however small the signal is: an output may be all zeros. */
const TINY = { exact: 1e-5, lossy: 1e-2 } as const;

export interface Expectation {
  /** Only exact passes ran, and the model is deterministic. */
  readonly isExact: boolean;
  /** The model computes in half precision, or in codes. */
  readonly isCoarse: boolean;
}

export function expectationOf(model: Model, plan: Plan): Expectation {
  const onlyExact = plan.every((step) => step.passes.every((pass) => !pass.lossy));
  return { isExact: onlyExact && !drawsNumbers(model), isCoarse: isCoarse(model) };
}

/** Random numbers depend on the position of the node that draws them, which changes with the nodes before it. */
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
 * What is wrong with the outputs, as a clause that follows "with it"; undefined if they are acceptable.
 */
export function brokenOutputs({ outputs }: Fidelity, { isExact, isCoarse }: Expectation): string | undefined {
  const exactDb = isCoarse ? EXACT_COARSE_DB : EXACT_DB;
  for (const [name, { pooledSqnrDb: sqnrDb, agreement, nonFinite, maxAbsError }] of Object.entries(outputs)) {
    if (nonFinite > 0)
      return `${nonFinite} values of output "${name}" are NaN or infinite where the original's are not`;
    if (maxAbsError <= (isExact && !isCoarse ? TINY.exact : TINY.lossy)) continue;
    if (sqnrDb !== null && sqnrDb < ABSURD_DB)
      return `output "${name}" no longer resembles the original's (${sqnrDb.toFixed(1)} dB)`;
    if (!isExact) continue;
    if (agreement !== null ? agreement < EXACT_AGREEMENT : sqnrDb !== null && sqnrDb < exactDb) {
      return agreement !== null
        ? `only ${(100 * agreement).toFixed(1)} % of output "${name}" are unchanged, although the pass is exact`
        : `output "${name}" changes beyond rounding (${sqnrDb?.toFixed(1) ?? ""} dB), although the pass is exact`;
    }
  }
  return undefined;
}

/**
 * Whether the loss is so large that the exact passes may be broken too: the noise is larger than the signal.
 */
export function isSuspicious({ outputs }: Fidelity): boolean {
  return Object.values(outputs).some(({ pooledSqnrDb: sqnrDb, agreement, maxAbsError }) => {
    if (agreement !== null) return agreement < LITTLE_AGREEMENT;
    return sqnrDb !== null && sqnrDb < 0 && maxAbsError > TINY.lossy;
  });
}
