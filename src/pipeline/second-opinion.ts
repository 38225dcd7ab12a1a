/** A comparison on random feeds, where the data to compare on is of the same useless kind as that of calibration. */
import { BadDataError, EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { type Fidelity, randomFeeds, type SizeComparison, verifyModels } from "../verify/index.js";
import { modelInputs } from "./run-data.js";

/** @returns null where inputs cannot be made up, or the models do not run on them */
export async function fidelityOnRandomFeeds(
  model: Model, { original, compressed, size, seed = 0 }: { readonly original: string; readonly compressed: string; readonly size: SizeComparison; readonly seed?: number | undefined },
): Promise<Fidelity | null> {
  try {
    const { fidelity } = await verifyModels({ original, compressed, size, runs: 0, fidelityData: randomFeeds(modelInputs(model), { seed }) });
    return fidelity;
  } catch (error) {
    if (error instanceof BadDataError || error instanceof EdgecError) return null;
    throw error;
  }
}
