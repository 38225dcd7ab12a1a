/**
 * Layers behind a Concat that stay float, because one scale for branches of very unlike range would cost too much.
 *
 *   a (to 100) ─▶ Concat → Q(100/255) ─▶ Conv          a ─▶ Concat ─▶ Conv in float
 *   b (to 1)   ─▶                               →      b ─▶
 *
 * All that a layer reads is one tensor with one scale, so a branch of small values is left with few codes. That matters
 * as far as the layer's weights make much of it: with P and e the mean square of the branch's values and of their errors
 * (from its histogram), and g the energy of the weights that meet it, the outputs keep Σ g·P / Σ g·e.
 */
import { type GraphEditor, intAttribute, isOp, type Node, nodeLabel, type Tensor, toFloat32 } from "../../ir/index.js";
import type { AffineParameters } from "../../numeric/affine.js";
import { powerOf, roundingError } from "../../numeric/calibrators.js";
import type { Histogram } from "../../numeric/statistics.js";
import { sourceOf } from "./concat-branches.js";
import type { Islands } from "./islands.js";

/** Outputs below this lose more by one rounding than int8 networks lose in all: the fixtures' are at 37 dB and more. */
const LEAST_DB = 25;
/** What scales of their own must bring, as the layer then runs in float. */
const LEAST_GAIN_DB = 10;

interface Branch {
  readonly power: number;
  /** Squared error at the scale of the Concat, and at one of its own. */
  readonly error: number;
  readonly ownError: number;
  /** Number of values seen, which goes with the number of channels. */
  readonly count: number;
}

/**
 * The layers, with the reason for each.
 * @param parameters each tensor's own, before any are shared
 */
export function layersOfUnlikeBranches(
  editor: GraphEditor, islands: Islands, histograms: ReadonlyMap<string, Histogram>, parameters: ReadonlyMap<string, AffineParameters>,
): Map<Node, string> {
  const layers = new Map<Node, string>();
  const computes = new Set(islands.computes);
  for (const concat of islands.members) {
    if (!isOp(concat, "Concat") || intAttribute(concat, "axis", 0) !== 1) continue;
    const branches = branchesOf(concat, islands, histograms, parameters);
    // The outputs keep at least what the worst branch keeps.
    if (!branches?.some(({ power, error }) => decibels(power, error) < LEAST_DB)) continue;
    for (const layer of editor.consumers(concat.outputs[0]!)) {
      const reason = computes.has(layer) ? whyFloat(editor, layer, branches, nodeLabel(concat)) : undefined;
      if (reason !== undefined) layers.set(layer, reason);
    }
  }
  return layers;
}

function branchesOf(concat: Node, islands: Islands, histograms: ReadonlyMap<string, Histogram>, parameters: ReadonlyMap<string, AffineParameters>): Branch[] | undefined {
  const common = parameters.get(concat.outputs[0]!);
  const branches: Branch[] = [];
  for (const name of concat.inputs) {
    const source = sourceOf(islands, name);
    const [histogram, own] = [histograms.get(source), parameters.get(source)];
    // What a pooling or a slice hands on has another number of values than what it got.
    if (!common || !histogram || !own || source !== name) return undefined;
    const { count } = histogram;
    branches.push({ power: powerOf(histogram) / count, error: roundingError(histogram, common) / count, ownError: roundingError(histogram, own) / count, count });
  }
  return branches;
}

function whyFloat(editor: GraphEditor, layer: Node, branches: readonly Branch[], label: string): string | undefined {
  const weight = editor.constant(layer.inputs[1] ?? "");
  if (!weight || !isOp(layer, "Conv") || intAttribute(layer, "group", 1) !== 1) return undefined;
  const energies = branchEnergies(weight, branches);
  if (!energies) return undefined;
  const sum = (part: (branch: Branch) => number): number => branches.reduce((total, branch, k) => total + energies[k]! * part(branch), 0);
  const common = decibels(sum(({ power }) => power), sum(({ error }) => error));
  const own = decibels(sum(({ power }) => power), sum(({ ownError }) => ownError));
  if (common >= LEAST_DB || own < common + LEAST_GAIN_DB) return undefined;
  return `the branches of Concat "${label}" have unlike ranges: one scale would leave ${common.toFixed(0)} dB, scales of their own ${own.toFixed(0)} dB`;
}

/** The sum of squares of the weights [O, C, …kernel] that meet each branch; undefined when channels cannot be told apart. */
function branchEnergies(weight: Tensor, branches: readonly Branch[]): number[] | undefined {
  const [outputs = 0, channels = 0, ...kernel] = weight.dims;
  const counted = branches.reduce((total, { count }) => total + count, 0);
  const sizes = branches.map(({ count }) => (channels * count) / counted);
  if (!sizes.every(Number.isInteger)) return undefined;
  const positions = kernel.reduce((product, k) => product * k, 1);
  const values = toFloat32(weight);
  const energies = sizes.map(() => 0);
  for (let output = 0, at = 0; output < outputs; output++) {
    sizes.forEach((size, branch) => {
      for (const end = at + size * positions; at < end; at++) energies[branch]! += values[at]! ** 2;
    });
  }
  return energies;
}

function decibels(signal: number, error: number): number {
  return error === 0 ? Infinity : 10 * Math.log10(signal / error);
}
