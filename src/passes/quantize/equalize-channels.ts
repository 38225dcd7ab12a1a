/**
 * equalize-channels: moves a per-channel factor from the layer that produces the channel into the layers that
 * read it.
 *
 *   Conv(w, b) → Relu → Conv(v)     →     Conv(w / s, b / s) → Relu → Conv(v · s)
 *
 * The model computes the same except for rounding, and its channels get similar ranges, so that one int8 scale
 * per tensor suits all of them: activations always have one, weights if `quantize-int8` is configured so.
 *
 * Handles float32 Conv, ConvTranspose, Gemm and MatMul with constant weights of their own, including depthwise
 * layers, which end one region and begin the next. Between them may be Relu, LeakyRelu, PRelu, poolings,
 * reductions over positions, Flatten and Reshape with a known order, and sums whose operands can all be scaled
 * by the same factors. Any other reader of a value rules its region out. So does Clip, including Relu6, because
 * its bounds apply to all channels alike. Biases are not absorbed into the next layer, which would be exact
 * only without clipping.
 *
 * With calibration data, the range of a channel is taken from its activations and weights together, otherwise
 * only from its weights. If weights will have one scale per output channel, only regions with very unequal
 * channels are changed. Source of the method: Nagel et al., "Data-Free Quantization Through Weight Equalization
 * and Bias Correction" (ICCV 2019).
 */
import { EdgecError } from "../../errors.js";
import { GraphEditor, isOp, type Model, nodeLabel } from "../../ir/index.js";
import { spreadOf } from "../../numeric/equalization.js";
import type { ChannelRangeRequest, StatisticRequest, Statistics } from "../../numeric/statistics.js";
import { inferScopes, type TypeMap } from "../../ops/shapes.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import type { LinearLayer } from "../../layers/linear-layer.js";
import { Rewrite } from "../graph/fuse/rewrite.js";
import { type LayerRegion, type LayerSource, RegionBalance } from "./balance/balance-regions.js";
import { LayerIndex, RegionFinder } from "../../layers/channel-regions.js";
import { largestSeen, writeFactors } from "./balance/layer-factors.js";

export interface EqualizeChannelsOptions {
  /** What determines the range of a channel: its activations together with its weights, or only its weights. */
  readonly by: "activations" | "weights";
  /** Whether weights will have one scale per output channel; see quantize-int8. */
  readonly perChannel: boolean;
}

/**
 * Smallest spread of factors (standard deviation of their logarithms) that is worthwhile with per-channel
 * scales: equalizing the resnet fixture, with a spread of 0.09 to 0.2, cost 3 dB.
 */
const LEAST_SPREAD = 0.8;
/** Factors too close to 1 to affect int8, as for a region that is already equalized. */
const NEGLIGIBLE_SPREAD = 0.02;

export const equalizeChannels = definePass<EqualizeChannelsOptions>({
  name: "equalize-channels",
  description: "Equalize the ranges of channels between layers, so that one int8 scale suits all of them",
  lossy: false,
  defaults: { by: "activations", perChannel: true },
  validate: ({ by }) => {
    if (by !== "activations" && by !== "weights")
      throw new EdgecError("BAD_OPTION", `by must be "activations" or "weights", not "${String(by)}".`);
  },
  statistics: requests,
  run: equalize,
});

function requests(model: Model, { by }: EqualizeChannelsOptions): StatisticRequest[] {
  const editors = GraphEditor.forModel(model);
  const [editor] = editors;
  if (by === "weights" || !editor) return [];
  return findRegions(editor, inferScopes(editors).get(editor)).regions.flatMap((region) =>
    rangeRequests(region, editor),
  );
}

/**
 * Ranges of the values that will be quantized: later codes absorb a clamp, and a pooling keeps the codes of its
 * input.
 */
function rangeRequests({ places }: LayerRegion, editor: GraphEditor): ChannelRangeRequest[] {
  return [...places].flatMap(([tensor, { axis, flattened }]) => {
    const readers = editor.consumers(tensor);
    return flattened || (readers.length === 1 && isOp(readers[0], "Relu", "MaxPool"))
      ? []
      : [{ kind: "channelRange", tensor, axis }];
  });
}

interface Found {
  readonly regions: readonly LayerRegion[];
  readonly kept: ReadonlyMap<LinearLayer, string>;
}

function findRegions(editor: GraphEditor, types: TypeMap | undefined): Found {
  const layers = new LayerIndex(editor, types);
  const sourceOf = (value: string): LayerSource | string | undefined => {
    const layer = layers.making(value);
    return layer && (layers.obstacle(layer) ?? layerSource(layer, value));
  };
  const finder = new RegionFinder<LayerSource>(editor, types, layers, sourceOf);
  const regions: LayerRegion[] = [];
  const kept = new Map<LinearLayer, string>();
  const placed = new Set<LinearLayer>();
  for (const layer of layers.all()) {
    if (placed.has(layer)) continue;
    const source = layers.obstacle(layer) ?? layerSource(layer, layer.last.outputs[0] ?? "");
    const region = typeof source === "string" ? source : finder.find(source);
    if (typeof region === "string") kept.set(layer, region);
    else regions.push(region);
    for (const { layer: member } of typeof region === "string" ? [] : region.sources) placed.add(member);
  }
  return { regions, kept };
}

function layerSource(layer: LinearLayer, output: string): LayerSource {
  const isImage = isOp(layer.node, "Conv", "ConvTranspose");
  const rank = isImage ? layer.weight.dims.length : isOp(layer.node, "Gemm") ? 2 : undefined;
  return {
    layer,
    output,
    channels: layer.outputs,
    place: { axis: isImage ? 1 : -1, rank, flattened: false },
  };
}

function equalize(model: Model, options: EqualizeChannelsOptions, { statistics }: PassContext): PassResult {
  const editors = GraphEditor.forModel(model);
  const types = inferScopes(editors);
  const nodes: NodeStatus[] = [];
  const stats = { regionsEqualized: 0, layersScaled: 0, largestFactor: 1 };
  for (const editor of editors) {
    const { regions, kept } = findRegions(editor, types.get(editor));
    nodes.push(...[...kept].map(([layer, reason]) => status(layer, "kept", reason)));
    const balance = new RegionBalance(
      regions,
      activations(regions, editor, options, statistics),
      options.perChannel,
    );
    const factors = balance.run();
    for (const region of regions) {
      const reason = whyNot(factors.get(region), options);
      if (reason !== undefined && factors.has(region)) balance.reset(region);
      const reach = reason === undefined ? extremes(factors.get(region)!) : undefined;
      if (reach) stats.regionsEqualized++;
      stats.largestFactor = Math.max(stats.largestFactor, ...(reach ? [reach.max, 1 / reach.min] : []));
      const changed =
        reach &&
        `channels divided by ${reach.min.toPrecision(2)} to ${reach.max.toPrecision(2)}, ` +
          `and ${readers(region)} multiplied`;
      for (const { layer } of region.sources)
        nodes.push(changed ? status(layer, "changed", changed) : status(layer, "kept", reason ?? ""));
    }
    const rewrite = new Rewrite(editor);
    for (const [layer, magnitudes] of balance.scaled())
      if (magnitudes && writeFactors(layer, magnitudes, rewrite)) stats.layersScaled++;
    rewrite.finish();
  }
  return { modified: stats.layersScaled > 0, stats, nodes, diagnostics: [] };
}

/** The reason if the factors are not worthwhile. */
function whyNot(
  factors: Float64Array | undefined,
  { perChannel }: EqualizeChannelsOptions,
): string | undefined {
  if (!factors) return "a weight or bias of its region is not finite, or too large to be scaled";
  const spread = spreadOf(factors);
  if (spread < NEGLIGIBLE_SPREAD) return "its channels are already equal in range";
  return perChannel && spread < LEAST_SPREAD
    ? "its channels are similar enough for weights with per-channel scales"
    : undefined;
}

function activations(
  regions: readonly LayerRegion[],
  editor: GraphEditor,
  { by }: EqualizeChannelsOptions,
  statistics: Statistics | undefined,
): Map<LayerRegion, Float64Array> {
  const seen = new Map<LayerRegion, Float64Array>();
  if (by === "weights" || !statistics) return seen;
  for (const region of regions) {
    const largest = largestSeen(rangeRequests(region, editor), region.channels, statistics);
    if (largest) seen.set(region, largest);
  }
  return seen;
}

function extremes(factors: Float64Array): { readonly min: number; readonly max: number } {
  return {
    min: factors.reduce((a, b) => Math.min(a, b), Infinity),
    max: factors.reduce((a, b) => Math.max(a, b), 0),
  };
}

function readers({ sinks }: LayerRegion): string {
  const [first] = sinks;
  return sinks.length === 1 && first
    ? `the weights of "${nodeLabel(first.node)}"`
    : `the weights of the ${sinks.length} layers after it`;
}

function status({ node }: LinearLayer, result: NodeStatus["status"], reason: string): NodeStatus {
  return { name: nodeLabel(node), opType: node.opType, status: result, reason };
}
