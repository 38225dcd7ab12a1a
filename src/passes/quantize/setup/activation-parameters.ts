/**
 * Chooses scales and zero points of quantized tensors: from histograms and the bounds of clamps, and shared if
 * that costs least.
 */
import type { GraphEditor, Node } from "../../../ir/index.js";
import { type AffineParameters, symmetricParameters, uint8Parameters } from "../../../numeric/affine.js";
import { type Calibrator, calibratedRange, powerOf, roundingError } from "../../../numeric/calibrators.js";
import type { Histogram, HistogramRequest, Statistics } from "../../../numeric/statistics.js";
import { type KnownRange, knownRange } from "../../../ops/known-ranges.js";
import { clampedParameters } from "./absorbed-clamp.js";
import { type Branches, shareWithConcats, sourceOf } from "./concat-branches.js";
import type { Islands } from "./islands.js";
import { layersOfUnlikeBranches } from "./concat-range-mismatch.js";

/**
 * From this SQNR on, a tensor gets its range known by construction instead of the calibrated one. For the gates
 * of PP-OCR and EfficientNet-B0, known ranges then give 46 to 62 dB on other samples, and calibrated ones 34 to
 * 62 dB, because the calibration samples did not open every gate. Below it, all values are small, like those of
 * a Softmax over many classes.
 */
const ENOUGH_DB = 40;

export interface ActivationPlan {
  /** Parameters of each island tensor that calibration reached. */
  readonly parameters: ReadonlyMap<string, AffineParameters>;
  /** Tensors with the fixed range of their operator, whatever calibration saw. */
  readonly fixed: ReadonlyMap<string, KnownRange>;
  /** For each Concat of the islands, the branches that share its parameters. */
  readonly branches: ReadonlyMap<Node, Branches>;
  /** Layers that should stay in float because a common scale would cost too much, with the reason. */
  readonly unlike: ReadonlyMap<Node, string>;
}

/**
 * What calibration must measure for the islands: a histogram of each tensor with its own parameters, and of
 * every layer input. If the nodes before a mover stay in float, its output gets its own parameters, which a
 * search for nodes to leave in float must know.
 */
export function histogramRequests(editor: GraphEditor, islands: Islands): HistogramRequest[] {
  const read = islands.computes.map(({ inputs: [tensor = ""] }) => tensor);
  return [...new Set([...ownTensors(islands), ...read])].map((tensor) => requestOf(editor, tensor));
}

function ownTensors({ tensors, sharedWith }: Islands): string[] {
  return [...tensors].filter((tensor) => !sharedWith.has(tensor));
}

function requestOf({ scope }: GraphEditor, tensor: string): HistogramRequest {
  return { kind: "histogram", tensor, ...(scope.length > 0 ? { scope } : {}) };
}

export function planActivations(
  editor: GraphEditor,
  islands: Islands,
  statistics: Statistics,
  calibrator: Calibrator,
  percentile: number,
): ActivationPlan {
  const parameters = new Map<string, AffineParameters>();
  const histograms = new Map<string, Histogram>();
  const fixed = new Map<string, KnownRange>();
  for (const tensor of ownTensors(islands)) {
    const histogram = statistics.get(requestOf(editor, tensor));
    if (!histogram) continue;
    histograms.set(tensor, histogram);
    const known = knownRange(editor, tensor);
    if (known && holdsEnough(histogram, fixedParameters(known))) fixed.set(tensor, known);
    const clamp = islands.clamps.get(tensor);
    const range = calibratedRange(histogram, calibrator, percentile);
    parameters.set(
      tensor,
      fixed.has(tensor)
        ? fixedParameters(known!)
        : clamp
          ? clampedParameters(editor, clamp, range.max)
          : uint8Parameters(range.min, range.max),
    );
  }
  const unlike = layersOfUnlikeBranches(editor, islands, histograms, parameters);
  const own = new Map(parameters);
  const branches = shareWithConcats(editor, islands, histograms, parameters);
  for (const tensor of fixed.keys()) if (parameters.get(tensor) !== own.get(tensor)) fixed.delete(tensor);
  for (const tensor of islands.sharedWith.keys()) {
    const shared = parameters.get(sourceOf(islands, tensor));
    if (shared) parameters.set(tensor, shared);
  }
  return { parameters, fixed, branches, unlike };
}

/** 0 to 1 in steps of 1/255, because HardSigmoid and Softmax can reach 1; -1 to 1 in steps of 1/127. */
function fixedParameters({ min, max }: KnownRange): AffineParameters {
  return min < 0 ? symmetricParameters(max) : uint8Parameters(min, max);
}

function holdsEnough(histogram: Histogram, parameters: AffineParameters): boolean {
  return roundingError(histogram, parameters) * 10 ** (ENOUGH_DB / 10) <= powerOf(histogram);
}
