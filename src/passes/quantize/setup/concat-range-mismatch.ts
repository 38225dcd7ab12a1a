/**
 * Finds layers after a Concat that should stay in float, because one scale for branches of very different
 * ranges would cost too much.
 *
 *   a (to 100) ─▶ Concat → Q(100/255) ─▶ Conv          a ─▶ Concat ─▶ Conv in float
 *   b (to 1)   ─▶                               →      b ─▶
 *
 * A layer's input is one tensor with one scale, so a branch of small values gets few codes. How much that
 * matters depends on the layer's weights: with P and e the mean squares of the branch's values and of their
 * errors (from its histogram), and g the energy of the weights applied to it, the outputs have an SQNR of Σ g·P
 * / Σ g·e.
 */
import {
  type GraphEditor,
  intAttribute,
  isOp,
  type Node,
  nodeLabel,
  type Tensor,
  toFloat32,
} from "../../../ir/index.js";
import { type AffineParameters, uint8Parameters } from "../../../numeric/affine.js";
import { powerOf, roundingError } from "../../../numeric/calibrators.js";
import { decibels } from "../../../numeric/decibels.js";
import { clampedHistogram } from "../../../numeric/histogram.js";
import type { Histogram } from "../../../numeric/statistics.js";
import { sourceOf } from "./concat-branches.js";
import type { Islands } from "./islands.js";
import { type Branch, channelCounts, joinedBranches } from "./joined-branches.js";

/**
 * Outputs below this lose more by one rounding than int8 networks lose in total: the fixtures have 37 dB and
 * more.
 */
const LEAST_DB = 25;
/** The gain that separate scales must bring, because the layer then runs in float. */
const LEAST_GAIN_DB = 10;

/** Mean squares of a branch's values and of their errors, at the Concat's scale and at its own. */
interface Rounding {
  readonly power: number;
  readonly error: number;
  readonly ownError: number;
}

interface Unlike {
  readonly concat: Node;
  readonly roundings: readonly Rounding[];
  /** Of each branch. */
  readonly channels: readonly number[];
}

/**
 * The layers, with the reason for each: convolutions without groups after a Concat, with clamps or MaxPool in
 * between.
 * @param parameters each tensor's own parameters, before any are shared
 */
export function layersOfUnlikeBranches(
  editor: GraphEditor,
  islands: Islands,
  histograms: ReadonlyMap<string, Histogram>,
  parameters: ReadonlyMap<string, AffineParameters>,
): Map<Node, string> {
  const layers = new Map<Node, string>();
  const found = new Map<string, Unlike | undefined>();
  for (const layer of islands.computes) {
    const weight = editor.constant(layer.inputs[1] ?? "");
    if (!weight || !isOp(layer, "Conv") || intAttribute(layer, "group", 1) !== 1) continue;
    const input = layer.inputs[0]!;
    if (!found.has(input))
      found.set(input, unlikeBranches(editor, islands, input, weight, histograms, parameters));
    const unlike = found.get(input);
    const reason = unlike && whyFloat(weight, unlike);
    if (reason !== undefined) layers.set(layer, reason);
  }
  return layers;
}

/** The branches of a layer's input, if some are left with few codes. */
function unlikeBranches(
  editor: GraphEditor,
  islands: Islands,
  input: string,
  { dims }: Tensor,
  histograms: ReadonlyMap<string, Histogram>,
  parameters: ReadonlyMap<string, AffineParameters>,
): Unlike | undefined {
  const joined = joinedBranches(editor, islands, input, dims.length);
  const common = parameters.get(sourceOf(islands, input));
  if (!joined || !common) return undefined;
  const roundings: Rounding[] = [];
  for (const branch of joined.branches) {
    const source = sourceOf(islands, branch.tensor);
    const [histogram, own] = [histograms.get(source), parameters.get(source)];
    if (!histogram || !own) return undefined;
    roundings.push(roundingOf(branch, histogram, own, common));
  }
  // The outputs have at least the SQNR of the worst branch.
  if (!roundings.some(({ power, error }) => decibels(power, error) < LEAST_DB)) return undefined;
  const channels = channelCounts(editor, islands, joined.branches, dims[1] ?? 0);
  return channels && { concat: joined.concat, roundings, channels };
}

/**
 * Uses the histogram of the tensor that starts the branch: pooling hardly changes its power, and movers do not
 * change it at all.
 */
function roundingOf(
  { ceiling }: Branch,
  seen: Histogram,
  own: AffineParameters,
  common: AffineParameters,
): Rounding {
  const histogram = ceiling === undefined ? seen : clampedHistogram(seen, ceiling);
  const finest =
    ceiling === undefined ? own : uint8Parameters(0, Math.min(ceiling, (255 - own.zeroPoint) * own.scale));
  const { count } = histogram;
  return {
    power: powerOf(histogram) / count,
    error: roundingError(histogram, common) / count,
    ownError: roundingError(histogram, finest) / count,
  };
}

function whyFloat(weight: Tensor, { concat, roundings, channels }: Unlike): string | undefined {
  const energies = branchEnergies(weight, channels);
  const sum = (part: (rounding: Rounding) => number): number =>
    roundings.reduce((total, rounding, k) => total + energies[k]! * part(rounding), 0);
  const common = decibels(
    sum(({ power }) => power),
    sum(({ error }) => error),
  );
  const own = decibels(
    sum(({ power }) => power),
    sum(({ ownError }) => ownError),
  );
  if (common >= LEAST_DB || own < common + LEAST_GAIN_DB) return undefined;
  return (
    `the branches of Concat "${nodeLabel(concat)}" have very different ranges: a common scale would ` +
    `leave ${common.toFixed(0)} dB, separate scales ${own.toFixed(0)} dB`
  );
}

/** The sum of squares of the weights [O, C, …kernel] applied to each branch. */
function branchEnergies(weight: Tensor, branches: readonly number[]): number[] {
  const [outputs = 0, , ...kernel] = weight.dims;
  const positions = kernel.reduce((product, k) => product * k, 1);
  const values = toFloat32(weight);
  const energies = branches.map(() => 0);
  for (let output = 0, at = 0; output < outputs; output++) {
    branches.forEach((channels, branch) => {
      for (const end = at + channels * positions; at < end; at++) energies[branch]! += values[at]! ** 2;
    });
  }
  return energies;
}
