/**
 * Warnings about the data: before a run, if it is implausible; after it, what was lost.
 */
import { clippedDiagnostic, type Diagnostic, type Logger } from "../diagnostics.js";
import { checkCalibration } from "./calibration-check.js";
import type { Candidate, CandidateContext } from "./candidate.js";
import { muchLost } from "../compare/loss-warning.js";
import { BadDataError, EdgecError } from "../errors.js";
import { type Model, fedInputs } from "../ir/index.js";
import { type Fidelity, randomFeeds, type SizeComparison, verifyModels } from "../verify/index.js";

interface DataDoubts {
  /** Whether there is a warning about the calibration data. */
  readonly found: boolean;
  /** Whether a comparison on samples of the same data would not show what is wrong. */
  readonly isBlind: boolean;
}

/**
 * Checks the calibration data, and reports problems at once.
 * @param isCompared whether a runtime is there and a comparison wanted
 */
export async function checkData(
  { options, data, referencePath }: CandidateContext,
  isCompared: boolean,
  warnings: Diagnostic[],
): Promise<DataDoubts> {
  options.logger?.progress?.({ step: "check the data", done: 0 });
  const isGiven = options.eval !== undefined;
  const comparedOnItself = isCompared && !isGiven && !data.isMadeUp;
  const found = await checkCalibration({
    calibration: data.calibration,
    evaluation: isGiven ? data.evaluation : undefined,
    comparedOnItself,
    modelPath: isCompared ? referencePath : undefined,
  });
  reportEarly(found, warnings, options.logger);
  return { found: found.length > 0, isBlind: found.length > 0 && comparedOnItself };
}

export async function lossWarnings(
  { referencePath, read, data, options: { seed } }: CandidateContext,
  { path, measurements: { fidelity, accuracy, size } }: Candidate,
  { found, isBlind }: DataDoubts,
): Promise<Diagnostic[]> {
  const advice = found ? "The calibration data is the likely cause: see the warning about it." : "";
  const lost = muchLost({ fidelity, accuracy, isMadeUp: data.isMadeUp, advice });
  if (lost.length > 0 || !isBlind || !fidelity) return lost;
  const models = { original: referencePath, compressed: path, size, seed };
  return muchLost({ fidelity: await fidelityOnRandomFeeds(read(), models), isMadeUp: true, advice });
}

/** Reports warnings before the work begins; they are in the final report as well. */
export function reportEarly(
  found: readonly Diagnostic[],
  warnings: Diagnostic[],
  logger: Logger | undefined,
): void {
  for (const diagnostic of found) logger?.diagnostic?.(clippedDiagnostic(diagnostic));
  warnings.push(...found);
}

/**
 * Compares on random inputs, for data that is too bad to compare on.
 * @returns null if no inputs can be generated, or the models do not run on them
 */
async function fidelityOnRandomFeeds(
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
