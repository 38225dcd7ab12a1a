/**
 * prune-magnitude: sets the weights that matter least to zero.
 *
 *   Conv(x, W, b)   →   Conv(x, Ŵ, b̂)    where a given share of Ŵ is zero
 *
 * Without calibration data, removes the smallest magnitudes (Han et al. 2015). With data, the second moments
 * of each layer's inputs give the loss of removing a weight when all others are refit to compensate (optimal
 * brain surgeon, Hassibi & Stork 1993; OBC, Frantar & Alistarh 2022). Weights are removed in stages, by that
 * loss over all layers together; the others and the bias are refit by least squares (layer-state.ts). Needs
 * no labels.
 *
 * Handles constant weights of Conv, ConvTranspose, MatMul, Gemm, LSTM, GRU and RNN in every scope; a shared
 * weight counts once. Least squares need the operator in the main graph, and do not cover ConvTranspose or a
 * constant left factor; there, magnitudes decide. Kept by default: the first and the last layer if they hold
 * at most a quarter of the weights, depthwise convolutions, embeddings and integer codes.
 *
 * The ratio is the share of zeros over all layers considered, protected ends included: the other layers lose
 * more to compensate, within limits (see keptBeside). A pattern N:M keeps N non-zeros of every M consecutive
 * input channels, as in NVIDIA's 2:4. Zeros do not make onnxruntime faster; they make the file smaller once
 * it is stored or packed.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { elementCount, type Model } from "../../ir/index.js";
import type { MeasuredRows, RefitRows } from "../../solver/index.js";
import { withCompute, type Working } from "../compute.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { addedBias, shiftBias } from "../../layers/added-bias.js";
import { gramRequests } from "../../layers/input-moments.js";
import { layerStatus } from "../layer-status.js";
import { noInputs, solverInputs } from "../solver-inputs.js";
import { writeRows } from "../../layers/weight-matrix.js";
import { withValues } from "../../layers/weight-values.js";
import { parseAmount, type PruneAmount } from "./amount.js";
import { pruneBlocks, pruneEach, pruneTogether, type PrunedLayer } from "./by-magnitude.js";
import {
  chooseByLayer,
  chooseGlobally,
  choosePattern,
  eachAlone,
  keptBeside,
  score,
} from "./choose-weights.js";
import { LayerState } from "./layer-state.js";
import { planPruning, type PruningPlan } from "./plan-pruning.js";

export interface PruneMagnitudeOptions {
  /** A ratio of weights to set to zero, or a pattern "N:M". */
  readonly amount: PruneAmount;
  /** Whether the ratio holds over all layers together, or for each. */
  readonly scope: "global" | "layer";
  /** Nodes, constants, operator types or patterns to exclude; see selectNodes. */
  readonly exclude: readonly string[];
  /** Keeps the first and last layers as they are. */
  readonly protectEnds: boolean;
  /** Leaves depthwise convolutions alone. */
  readonly protectDepthwise: boolean;
}

const NAME = "prune-magnitude";
/** A warning follows if the share of zeros falls short of the requested ratio by more than this. */
const TOLERATED_SHORTFALL = 0.005;

export const pruneMagnitude = definePass<PruneMagnitudeOptions>({
  name: NAME,
  description: "Set the weights that matter least to zero; with calibration data, refit the others",
  flag: {
    syntax: "--prune <ratio|N:M|auto>",
    help:
      "set this ratio of weights to zero, such as 0.3; keep N of every M, such as 2:4; or auto: as many as the " +
      "gates on accuracy allow",
    parse: (value) => {
      if (value === "auto") return {};
      parseAmount(value);
      return { amount: value };
    },
  },
  lossy: true,
  sizeEffect:
    "onnxruntime computes with zeros as with any other value, so pruning single weights does not change latency.",
  strength: { option: "amount", values: Array.from({ length: 19 }, (_, k) => (k + 1) / 20) },
  defaults: { amount: 0.3, scope: "global", exclude: [], protectEnds: true, protectDepthwise: true },
  validate: ({ amount, scope }) => {
    parseAmount(amount);
    if (scope !== "global" && scope !== "layer") {
      throw new EdgecError(
        "BAD_OPTION",
        `${NAME}: scope must be "global" or "layer", not ` +
          `"${String(scope)}".${suggestion(String(scope), ["global", "layer"])}`,
      );
    }
  },
  statistics: (model, options) => [...inputRequests(model, planPruning(model, options, NAME)).values()],
  run: prune,
});

async function prune(model: Model, options: PruneMagnitudeOptions, given: PassContext): Promise<PassResult> {
  const plan = planPruning(model, options, NAME);
  const context = withCompute(given);
  const { statistics } = context;
  if (statistics === undefined)
    return resultOf(await withoutData(plan, options, context), plan, options, false);
  const requests = inputRequests(model, plan);
  const states: LayerState[] = [];
  for (const layer of plan.layers) {
    const inputs = (): MeasuredRows["inputs"] =>
      solverInputs(layer, requests, statistics, context.linearAlgebra) ?? noInputs(layer);
    states.push(new LayerState(layer, inputs, addedBias(layer) !== undefined));
    await context.advance?.(states.length, plan.layers.length, "read");
  }
  const withLosses = await score(context, states);
  await choose(context, states, plan, options, withLosses);
  for (const state of states) state.forgetScores();
  const changed = states.filter(({ left, originallyLeft }) => left !== originallyLeft);
  await eachAlone(context, changed, (state) => state.settle(context.linearAlgebra), write, "fit");
  return resultOf(states, plan, options, withLosses);
}

function inputRequests(model: Model, { layers }: PruningPlan): ReturnType<typeof gramRequests> {
  return gramRequests(model, layers, { mayBeRows: true });
}

/** Pruning by magnitude needs only one layer at a time. */
async function withoutData(
  { layers, denseWeights }: PruningPlan,
  { amount, scope }: PruneMagnitudeOptions,
  context: Working,
): Promise<PrunedLayer[]> {
  const parsed = parseAmount(amount);
  if (parsed.type === "pattern") return pruneBlocks(context, layers, parsed);
  if (scope === "layer") return pruneEach(context, layers, parsed.ratio);
  const size = layers.reduce((sum, { tensor }) => sum + elementCount(tensor), 0);
  return pruneTogether(context, layers, keptBeside(size, denseWeights, parsed.ratio));
}

function resultOf(
  pruned: readonly PrunedLayer[],
  plan: PruningPlan,
  options: PruneMagnitudeOptions,
  withLosses: boolean,
): PassResult {
  return {
    modified: pruned.some(({ left, originallyLeft }) => left < originallyLeft),
    stats: statsOf(pruned, plan),
    nodes: [...plan.kept, ...pruned.map((layer) => statusOf(layer, plan, withLosses))],
    diagnostics: diagnosticsOf(pruned, plan, options),
  };
}

async function choose(
  context: Working,
  states: readonly LayerState[],
  plan: PruningPlan,
  { amount, scope }: PruneMagnitudeOptions,
  withLosses: boolean,
): Promise<void> {
  const parsed = parseAmount(amount);
  if (parsed.type === "pattern") return choosePattern(context, states, parsed);
  if (scope === "layer") return chooseByLayer(context, states, parsed.ratio, withLosses);
  const size = states.reduce((sum, state) => sum + state.count, 0);
  return chooseGlobally(context, states, keptBeside(size, plan.denseWeights, parsed.ratio), withLosses);
}

/** Puts a layer's new weights and bias into the graph. */
function write({ layer, isFitted }: LayerState, { weights, meanShift }: RefitRows): void {
  const bias = addedBias(layer);
  const tensor = withValues(layer.tensor, writeRows(weights, layer.layout));
  if (tensor === layer.tensor) return;
  layer.uses[0].editor.replaceInitializer(tensor);
  if (bias && isFitted) shiftBias(bias, meanShift);
}

function statsOf(states: readonly PrunedLayer[], { denseWeights }: PruningPlan): Record<string, number> {
  const weights = states.reduce((sum, state) => sum + state.count, denseWeights);
  const zeros = states.reduce((sum, state) => sum + state.count - state.left, 0);
  return {
    weights,
    zeros,
    zeroPercent: weights === 0 ? 0 : (100 * zeros) / weights,
    refitLayers: states.filter((state) => state.isFitted).length,
  };
}

function statusOf(state: PrunedLayer, plan: PruningPlan, withLosses: boolean): NodeStatus {
  const { layer, count, left } = state;
  const how = !withLosses
    ? "by magnitude"
    : state.isFitted
      ? "by loss, the others refit"
      : "by magnitude: its inputs were not measured";
  const remark = plan.remarks.get(layer);
  const text =
    `${(100 * (1 - left / count)).toFixed(1)} % of ${count} weights are zero, chosen ` +
    `${how}${remark ? `; ${remark}` : ""}`;
  return layerStatus(layer, state.left < state.originallyLeft ? "changed" : "kept", text);
}

function diagnosticsOf(
  states: readonly PrunedLayer[],
  plan: PruningPlan,
  options: PruneMagnitudeOptions,
): Diagnostic[] {
  if (states.length === 0) {
    return [
      {
        id: `${NAME}/nothing-to-prune`,
        severity: "warning",
        message: "No layer has weights that can be pruned; the report lists why, layer by layer.",
      },
    ];
  }
  const amount = parseAmount(options.amount);
  const { zeroPercent = 0 } = statsOf(states, plan);
  if (amount.type !== "ratio" || zeroPercent >= 100 * (amount.ratio - TOLERATED_SHORTFALL)) return [];
  const message =
    `${zeroPercent.toFixed(1)} % of the weights are zero instead of ` +
    `${(100 * amount.ratio).toFixed(1)} %: the first and last layers are protected and ` +
    "the others cannot compensate for them. " +
    `To prune them too in the library, take "${NAME}" from PASSES and bind it with protectEnds: false.`;
  return [{ id: `${NAME}/short-of-ratio`, severity: "warning", message }];
}
