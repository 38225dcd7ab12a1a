/** Compares on random feeds, for when the data to compare on is as unusable as the calibration data. */
import { BadDataError, EdgecError } from "../errors.js";
import { type Model, fedInputs } from "../ir/index.js";
import { type Fidelity, randomFeeds, type SizeComparison, verifyModels } from "../verify/index.js";

/** @returns null when no inputs can be generated, or the models do not run on them */
export async function fidelityOnRandomFeeds(
  model: Model,
  {
    original,
    compressed,
    size,
    seed = 0,
  }: {
    readonly original: string;
    readonly compressed: string;
    readonly size: SizeComparison;
    readonly seed?: number | undefined;
  },
): Promise<Fidelity | null> {
  try {
    const { fidelity } = await verifyModels({
      original,
      compressed,
      size,
      runs: 0,
      fidelityData: randomFeeds(fedInputs(model), { seed }),
    });
    return fidelity;
  } catch (error) {
    if (error instanceof BadDataError || error instanceof EdgecError) return null;
    throw error;
  }
}
