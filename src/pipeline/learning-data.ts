/** Which of the calibration samples passes learn from, and which decide whether what they did helps. */
import { freemem } from "node:os";
import { splitHoldOut, type Dataset } from "../data/index.js";
import { byteSize, elementCount, type Model } from "../ir/index.js";
import { HeldOutScore } from "./held-out-score.js";
import { memoryShortage } from "./measure.js";
import type { Plan } from "./plan.js";
import type { RunOptions } from "./runner.js";

/** Share of the calibration samples that decide which steps are kept. */
const JUDGING = 0.25;
/** Fewer samples than this decide nothing. */
const LEAST_JUDGES = 2;

/** Splits the calibration data where steps of the plan must prove themselves on samples that nothing was fitted to. */
export function learningData(calibration: Dataset | undefined, plan: Plan, model: Model, { seed, threads }: { readonly seed: number; readonly threads: number }): Pick<RunOptions, "dataset" | "scorer"> {
  const isJudged = plan.some(({ judgedAfter, search, wasJudged }) => judgedAfter !== undefined || search !== undefined || wasJudged === true);
  if (!calibration || !isJudged || (calibration.size ?? Infinity) * JUDGING < LEAST_JUDGES) return { dataset: calibration };
  if (memoryShortage(weightBytes(model), freemem()) !== undefined) return { dataset: calibration };
  // A split of its own: with another seed than the one that the comparison was held out with.
  const { rest, heldOut } = splitHoldOut(calibration, JUDGING, seed + 1);
  return { dataset: rest, scorer: (reference) => new HeldOutScore(reference, heldOut, threads) };
}

function weightBytes({ graph }: Model): number {
  return graph.initializers.reduce((sum, tensor) => sum + (byteSize(tensor.dataType, elementCount(tensor)) ?? 0), 0);
}
