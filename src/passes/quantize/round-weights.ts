/**
 * round-weights: moves each weight onto the grid of codes that quantize-int8 will use, so that outputs
 * change least.
 *
 *   Conv(x, W, b)   →   Conv(x, Ŵ, b̂)    where each row of Ŵ is a scale times whole numbers
 *
 * Rounding each weight to the nearest code leaves errors that add up in the output. With the second moments
 * of the layer's inputs, scales are searched and codes chosen so that the errors cancel (round-rows.ts):
 * error compensation (GPTQ, Frantar et al. 2022), then coordinate descent (COMQ, Zhang et al. 2024;
 * QuantEase, Behdin et al. 2023). A bias, where there is one, takes up the shift of the mean. Without
 * moments, scales of least squared error are taken.
 *
 * Each row keeps a weight at the largest code (or, where the guard against saturation widened the scale, a
 * pair at the largest sum), so that quantize-int8 finds the same scales and codes. Handles weights of Conv,
 * MatMul, Gemm and LSTM that quantize-int8 takes; zeros stay zeros. Weights used by several operators are
 * fitted to the inputs of all. The default of eight bits gains a little; four bits need it.
 */
import { EdgecError, suggestion } from "../../errors.js";
import type { Model } from "../../ir/index.js";
import { centred, type InputMoments, withRidge } from "../../numeric/least-squares.js";
import type { RoundedWeights } from "../../numeric/round-rows.js";
import { runInParallel, withCompute } from "../compute.js";
import type { Compute, NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { type AddedBias, addedBias, shiftBias } from "../../layers/added-bias.js";
import { gramRequests, inputMoments } from "../../layers/input-moments.js";
import { layerStatus } from "../layer-status.js";
import { readRows, writeRows } from "../../layers/weight-matrix.js";
import { finiteValues, withValues } from "../../layers/weight-values.js";
import { INT8_FORMATS } from "./setup/int8-formats.js";
import { type PlannedLayer, planRounding, type RoundingScope } from "./setup/rounding-plan.js";
import { validateWeightBits, WEIGHT_BITS_DEFAULTS } from "./setup/weight-bits.js";

export interface RoundWeightsOptions extends RoundingScope {
  /** As in quantize-int8: whether weights are kept free of int16 saturation. */
  readonly saturation: "guard" | "ignore" | "seven-bit";
  /** The weights that quantize-int8 takes, or all, for store-int8 as well. */
  readonly layers: "int8" | "all";
  /** Nodes, constants, operator types or patterns to leave alone; see selectNodes. */
  readonly exclude: readonly string[];
}

const NAME = "round-weights";
/**
 * λ: more than pruning has, as codes fit the samples closer: mbv2 at four bits has 29.5 dB, with 0.01 28.2
 * dB.
 */
const RIDGE = 0.05;

export const roundWeights = definePass<RoundWeightsOptions>({
  name: NAME,
  description:
    "Round weights to the codes of int8 or fewer bits so that errors cancel in the outputs; before quantize-int8",
  lossy: true,
  defaults: {
    ...WEIGHT_BITS_DEFAULTS,
    saturation: "guard",
    layers: "int8",
    formats: INT8_FORMATS,
    floatOperators: [],
    exclude: [],
  },
  validate: (options) => {
    validateWeightBits(options);
    requireOneOf("saturation", options.saturation, ["guard", "ignore", "seven-bit"]);
    requireOneOf("layers", options.layers, ["int8", "all"]);
  },
  statistics: (model, options) => [
    ...gramRequests(
      model,
      planRounding(model, options, true, NAME).planned.map(({ layer }) => layer),
    ).values(),
  ],
  run,
});

function requireOneOf(option: string, value: string, accepted: readonly string[]): void {
  if (accepted.includes(value)) return;
  throw new EdgecError(
    "BAD_OPTION",
    `${NAME}: ${option} must be one of ${accepted.join(", ")}, not "${value}".${suggestion(value, accepted)}`,
  );
}

async function run(model: Model, options: RoundWeightsOptions, given: PassContext): Promise<PassResult> {
  const context = withCompute(given);
  const { statistics } = context;
  const { planned, kept } = planRounding(model, options, statistics !== undefined, NAME);
  const requests = gramRequests(
    model,
    planned.map(({ layer }) => layer),
  );
  const nodes: NodeStatus[] = [...kept];
  const shares: number[] = [];
  let rounded = 0;
  const start = (entry: PlannedLayer): Promise<RoundedLayer> =>
    roundLayer(entry, inputMoments(entry.layer, requests, statistics), context.compute);
  await runInParallel(context, planned, start, (entry, result) => {
    const { changed, share, text } = writeLayer(entry, result);
    nodes.push(layerStatus(entry.layer, changed ? "changed" : "kept", text));
    if (changed) rounded++;
    if (share !== undefined) shares.push(share);
  });
  return {
    modified: rounded > 0,
    stats: {
      roundedTensors: rounded,
      ...(shares.length > 0
        ? { errorShare: shares.reduce((sum, share) => sum + share, 0) / shares.length }
        : {}),
    },
    nodes,
    diagnostics: [],
  };
}

interface RoundedLayer extends RoundedWeights {
  readonly moments: readonly InputMoments[] | undefined;
}

async function roundLayer(
  { layer, limits }: PlannedLayer,
  moments: readonly InputMoments[] | undefined,
  compute: Compute,
): Promise<RoundedLayer> {
  const { tensor, layout } = layer;
  const bias = moments && addedBias(layer);
  const h = Array.from({ length: layout.groups }, (_, g) => {
    const own = moments?.[g];
    return own && withRidge(bias ? centred(own) : own, RIDGE);
  });
  const weights = readRows(finiteValues(tensor), layout);
  return { ...(await compute.run("roundGroups", { weights, size: layout.columns, h, limits })), moments };
}

interface Outcome {
  readonly changed: boolean;
  readonly share?: number;
  readonly text: string;
}

/** Puts a layer's new weights and bias into the graph. */
function writeLayer(
  { layer, bits }: PlannedLayer,
  { weights: after, loss, nearestLoss, moments }: RoundedLayer,
): Outcome {
  const { tensor, layout } = layer;
  const bias = moments && addedBias(layer);
  const before = readRows(finiteValues(tensor), layout);
  // Scales of weights near the largest float32 can push a code past it.
  const replaced = !after.every(Number.isFinite) ? tensor : withValues(tensor, writeRows(after, layout));
  if (replaced === tensor) return { changed: false, text: `has ${bits}-bit codes already` };
  layer.uses[0].editor.replaceInitializer(replaced);
  if (bias) shiftMean(bias, before, after, moments);
  const share = nearestLoss > 0 ? loss / nearestLoss : 1;
  const how = moments
    ? "errors made to cancel over the calibration data"
    : "scales of least squared error, as its inputs were not measured";
  return {
    changed: true,
    share,
    text: `${bits}-bit codes, ${how}: ${Math.round(100 * share)} % of the error of rounding to nearest`,
  };
}

/** b̂ = b + (W - Ŵ) μ. */
function shiftMean(
  bias: AddedBias,
  before: Float32Array,
  after: Float32Array,
  moments: readonly InputMoments[],
): void {
  const columns = moments[0]!.size;
  const rows = before.length / columns;
  const shift = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const { mean } = moments[Math.floor((row * moments.length) / rows)]!;
    for (let j = 0, at = row * columns; j < columns; j++, at++)
      shift[row]! += (before[at]! - after[at]!) * mean[j]!;
  }
  shiftBias(bias, shift);
}
