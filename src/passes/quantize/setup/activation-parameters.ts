/**
 * Scales and zero points of the tensors that carry codes: from histograms, from what clamps allow, and
 * shared where that costs least.
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
 * SQNR of a tensor from which a range known by construction is taken in place of the calibrated one. On the
 * gates of PP-OCR and EfficientNet-B0 it then leaves 46 to 62 dB on other samples, where calibrated ones
 * leave 34 to 62, as samples did not open every gate. Below it values are small throughout, as those of a
 * Softmax over many classes.
 */
const ENOUGH_DB = 40;

export interface ActivationPlan {
  /** Of each tensor of the islands that calibration has seen. */
  readonly parameters: ReadonlyMap<string, AffineParameters>;
  /** Tensors whose range is fixed, as what makes them fills it whatever calibration saw. */
  readonly fixed: ReadonlyMap<string, KnownRange>;
  /** For each Concat of the islands, which of its branches take its parameters. */
  readonly branches: ReadonlyMap<Node, Branches>;
  /** Layers that should stay float for what one scale would cost them, with the reason. */
  readonly unlike: ReadonlyMap<Node, string>;
}

/**
 * What calibration must measure for the islands: a histogram of each tensor with parameters of its own, and
 * of what a layer reads in any case. Where the nodes before a mover stay float, its output has parameters
 * of its own: a search for nodes to leave in float must know them.
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

/** 0 to 1 in steps of 1/255, as HardSigmoid and Softmax do reach 1; -1 to 1 in steps of 1/127. */
function fixedParameters({ min, max }: KnownRange): AffineParameters {
  return min < 0 ? symmetricParameters(max) : uint8Parameters(min, max);
}

function holdsEnough(histogram: Histogram, parameters: AffineParameters): boolean {
  return roundingError(histogram, parameters) * 10 ** (ENOUGH_DB / 10) <= powerOf(histogram);
}
