/**
 * smooth-activations: moves a per-channel factor from a normalization into the layers after it.
 *
 *   LayerNormalization(x, γ, β) → MatMul(W)     →     LayerNormalization(x, γ / s, β / s) → MatMul(s · W)
 *
 * The model computes the same except for rounding. A few channels in transformers are far larger than the
 * others, and the single int8 scale of an activation has to cover them. The factors s move part of that size
 * into the rows of W, whose columns have their own scales. s = max|x|^alpha / max|W|^(1 - alpha) over its
 * geometric mean.
 *
 * Handles LayerNormalization and RMSNormalization over the last axis, onnxruntime's own forms of them, and
 * composed ones that end in a Mul and an Add with constants γ and β, if all readers of the result are MatMul
 * and Gemm with constant weights of their own. Needs calibration data. `alpha: "search"` chooses the exponent
 * of least expected error for each normalization, and skips one if no exponent is expected to help. Source of
 * the method: Xiao et al., "SmoothQuant" (ICML 2023).
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError } from "../../errors.js";
import { GraphEditor, isOp, type Model, nodeLabel } from "../../ir/index.js";
import { balancingFactors, expectedError, type ScaledMagnitudes } from "../../numeric/equalization.js";
import type {
  ChannelRange,
  ChannelRangeRequest,
  StatisticRequest,
  Statistics,
} from "../../numeric/statistics.js";
import { inferScopes, type TypeMap } from "../../ops/shapes.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { Rewrite } from "../graph/fuse/rewrite.js";
import { spreadFactors } from "./balance/balance-regions.js";
import { type ChannelRegion, LayerIndex, RegionFinder } from "../../layers/channel-regions.js";
import { layerMagnitudes, writeFactors } from "./balance/layer-factors.js";
import {
  divideOutput,
  type NormalizationSource,
  normalizationSource,
} from "./balance/normalization-source.js";
import { option } from "../../option-names.js";

export interface SmoothActivationsOptions {
  /** How much of a channel's size moves into the weights, from 0 to 1, or "search". */
  readonly alpha: number | "search";
}

const EXPONENTS: readonly number[] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

export const smoothActivations = definePass<SmoothActivationsOptions>({
  name: "smooth-activations",
  description: "Move the size of outlier channels from normalizations into the layers after them",
  lossy: false,
  defaults: { alpha: "search" },
  validate: ({ alpha }) => {
    if (alpha !== "search" && !(alpha >= 0 && alpha <= 1))
      throw new EdgecError(
        "BAD_OPTION",
        `alpha must be a number from 0 to 1, or "search", not ${String(alpha)}.`,
      );
  },
  statistics: requests,
  run: smooth,
});

type Region = ChannelRegion<NormalizationSource>;

function requests(model: Model): StatisticRequest[] {
  const editors = GraphEditor.forModel(model);
  const [editor] = editors;
  return editor ? findRegions(editor, inferScopes(editors).get(editor)).regions.map(rangeRequest) : [];
}

function rangeRequest({ sources: [source] }: Region): ChannelRangeRequest {
  return { kind: "channelRange", tensor: source!.output, axis: -1 };
}

interface Found {
  readonly regions: readonly Region[];
  readonly kept: readonly NodeStatus[];
}

function findRegions(editor: GraphEditor, types: TypeMap | undefined): Found {
  const finder = new RegionFinder<NormalizationSource>(
    editor,
    types,
    new LayerIndex(editor, types),
    (value) => normalizationSource(value, editor),
  );
  const regions: Region[] = [];
  const kept: NodeStatus[] = [];
  for (const node of editor.graph.nodes) {
    const source = normalizationSource(node.outputs[0] ?? "", editor);
    const region = source && finder.find(source);
    // A Mul or Add by a vector need not end a normalization, so one that is skipped is not reported.
    if (typeof region === "string")
      kept.push(...(isOp(node, "Mul", "Add") ? [] : [status(source!, "kept", region)]));
    // Two normalizations in one region would be measured in two places; no model is known that has such.
    else if (region?.sources.length === 1) regions.push(region);
  }
  return { regions, kept };
}

function smooth(model: Model, { alpha }: SmoothActivationsOptions, { statistics }: PassContext): PassResult {
  const editors = GraphEditor.forModel(model);
  const types = inferScopes(editors);
  const nodes: NodeStatus[] = [];
  const stats = { normalizationsSmoothed: 0, layersScaled: 0, largestFactor: 1 };
  let lacksData = false;
  for (const editor of editors) {
    const { regions, kept } = findRegions(editor, types.get(editor));
    nodes.push(...kept);
    const rewrite = new Rewrite(editor);
    for (const region of regions) {
      const [source] = region.sources as [NormalizationSource];
      lacksData ||= statistics === undefined;
      const chosen = chooseFactors(region, alpha, statistics);
      nodes.push(
        typeof chosen === "string"
          ? status(source, "kept", chosen)
          : status(
              source,
              "changed",
              `alpha ${chosen.alpha}, into ${region.sinks.length} ${region.sinks.length === 1 ? "layer" : "layers"}`,
            ),
      );
      if (typeof chosen === "string") continue;
      divideOutput(source, chosen.factors, rewrite);
      for (const [k, layer] of region.sinks.entries())
        if (writeFactors(layer, chosen.magnitudes[k]!, rewrite)) stats.layersScaled++;
      stats.normalizationsSmoothed++;
      stats.largestFactor = chosen.factors.reduce(
        (largest, factor) => Math.max(largest, factor, 1 / factor),
        stats.largestFactor,
      );
    }
    rewrite.finish();
  }
  return {
    modified: stats.normalizationsSmoothed > 0,
    stats,
    nodes,
    diagnostics: lacksData ? [needsData()] : [],
  };
}

function needsData(): Diagnostic {
  const message =
    "Finding large channels needs calibration data. " +
    `Give about 100 typical inputs with ${option("calib")}.`;
  return { id: "smooth-activations/needs-data", severity: "warning", message };
}

interface Choice {
  readonly alpha: number;
  readonly factors: Float64Array;
  readonly magnitudes: readonly ScaledMagnitudes[];
}

/** The factors of a region, which are also set for its layers; or the reason if there are none. */
function chooseFactors(
  region: Region,
  alpha: number | "search",
  statistics: Statistics | undefined,
): Choice | string {
  if (!statistics) return "needs calibration data";
  const range = statistics.get(rangeRequest(region));
  if (range?.max.length !== region.channels) return "calibration never reached its output";
  const magnitudes = region.sinks.map(layerMagnitudes).filter((found) => found !== undefined);
  if (magnitudes.length < region.sinks.length)
    return "a weight of a layer after it is not finite, or too large to be scaled";
  const apply = (factors: Float64Array): void =>
    region.sinks.forEach((layer, k) => spreadFactors(region, layer, factors, magnitudes[k]!));
  const largest = range.max.map((max, c) => Math.max(max, -range.min[c]!, 0));
  const behind = largestWeights(magnitudes, region.channels);
  let best: { alpha: number | undefined; factors: Float64Array; error: number } = {
    alpha: undefined,
    factors: new Float64Array(region.channels).fill(1),
    error: Infinity,
  };
  if (alpha === "search") best.error = errorOf(magnitudes, range, best.factors, apply);
  for (const exponent of alpha === "search" ? EXPONENTS : [alpha]) {
    const factors = balancingFactors(largest, behind, exponent);
    const error = alpha === "search" ? errorOf(magnitudes, range, factors, apply) : 0;
    if (error < best.error) best = { alpha: exponent, factors, error };
  }
  if (best.alpha === undefined) return "no exponent lowers the expected error";
  if (best.factors.every((factor) => factor === 1)) return "its channels are already equal in range";
  apply(best.factors);
  return { alpha: best.alpha, factors: best.factors, magnitudes };
}

function errorOf(
  magnitudes: readonly ScaledMagnitudes[],
  range: ChannelRange,
  factors: Float64Array,
  apply: (factors: Float64Array) => void,
): number {
  apply(factors);
  return magnitudes.reduce((sum, layer) => sum + expectedError(layer, range, factors), 0);
}

function largestWeights(magnitudes: readonly ScaledMagnitudes[], channels: number): Float64Array {
  const largest = new Float64Array(channels);
  for (const layer of magnitudes)
    layer
      .columnMaxima(new Float64Array(layer.outputs).fill(1))
      .forEach((value, c) => (largest[c] = Math.max(largest[c]!, value)));
  return largest;
}

function status({ node }: NormalizationSource, result: NodeStatus["status"], reason: string): NodeStatus {
  return { name: nodeLabel(node), opType: node.opType, status: result, reason };
}
