/**
 * cluster-weights: gives each weight tensor only a few distinct values, so that they can be stored as short
 * codes.
 *
 *   Conv(x, W, b)   →   Conv(x, Ŵ, b)    where Ŵ has at most k distinct values
 *
 * The values start as the optimum of one-dimensional k-means (k-means.ts; Han et al., "Deep Compression",
 * 2016), each weight counting as much as its input. With calibration data, values and codes are then refined
 * in turn so that errors cancel in the layer's output (solver/cluster-rows.ts; GPTQ, Frantar et al. 2023, has
 * the same aim). Needs no labels.
 *
 * Handles constant weights of Conv, ConvTranspose, MatMul, Gemm, LSTM, GRU, RNN and embedding tables in
 * every scope, and int8 or uint8 codes (behind DequantizeLinear, of MatMulInteger and DynamicQuantizeLSTM),
 * whose values stay whole numbers, and free of int16 saturation if they were. Zeros of a pruned tensor stay,
 * and count as one of the k. Biases and tensors too small to gain do not change. Latency does not change:
 * kernels get floats or codes as before. encode-weights makes the file smaller.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError, suggestion } from "../../errors.js";
import { byteSize, dataTypeName, type Model } from "../../ir/index.js";
import { runInParallel, withCompute } from "../compute.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { selectNodes } from "../../ops/select.js";
import { definePass } from "../define-pass.js";
import { gramRequests } from "../../layers/input-moments.js";
import { type WeightLayer, weightLayers } from "../../layers/weight-layers.js";
import { layerStatus } from "../layer-status.js";
import { solverInputs } from "../solver-inputs.js";
import { isFloating } from "../../layers/weight-values.js";
import { type Clustered, clusterLayer } from "./cluster-layer.js";

export interface ClusterWeightsOptions {
  /** Distinct values of a tensor, zero included: 2 to 256. 16 fit codes of four bits. */
  readonly k: number;
  /** Whether the whole tensor or each output channel has its own values. */
  readonly granularity: "tensor" | "channel";
  /** Nodes, constants, operator types or patterns to exclude; see selectNodes. */
  readonly exclude: readonly string[];
}

const NAME = "cluster-weights";
/** Bytes that codes need around them: names, operators, shapes. Estimated from what encode-weights writes. */
const OVERHEAD = 150;
export const clusterWeights = definePass<ClusterWeightsOptions>({
  name: NAME,
  description: "Give each weight tensor at most k distinct values, so that it can be stored as short codes",
  flag: {
    syntax: "--cluster <k>",
    help: "give each weight tensor at most k distinct values, 2 to 256; 16 fit four bits",
    parse: (value) => ({ k: parseCount(value) }),
  },
  lossy: true,
  defaults: { k: 16, granularity: "tensor", exclude: [] },
  validate: ({ k, granularity }) => {
    parseCount(k);
    if (granularity !== "tensor" && granularity !== "channel") {
      throw new EdgecError(
        "BAD_OPTION",
        `${NAME}: granularity must be "tensor" or "channel", not ` +
          `"${String(granularity)}".${suggestion(String(granularity), ["tensor", "channel"])}`,
      );
    }
  },
  statistics: (model, options) => [...inputRequests(model, planClustering(model, options)).values()],
  run: cluster,
});

function parseCount(value: string | number): number {
  const k = /^\d+$/.test(String(value).trim()) ? Number(value) : NaN;
  if (k >= 2 && k <= 256) return k;
  throw new EdgecError(
    "BAD_OPTION",
    `cluster takes a whole number of values from 2 to 256, such as 16, not "${value}".`,
  );
}

interface ClusterPlan {
  readonly layers: readonly WeightLayer[];
  readonly kept: readonly NodeStatus[];
}

function planClustering(model: Model, { exclude, k }: ClusterWeightsOptions): ClusterPlan {
  const excluded = selectNodes(model, exclude, NAME);
  const kept: NodeStatus[] = [];
  const layers = weightLayers(model).filter((layer) => {
    const reason = layer.uses.some((use) => excluded.has(use.node, layer.tensor.name))
      ? "excluded"
      : whyNot(layer, k);
    if (reason !== undefined) kept.push(layerStatus(layer, "kept", reason));
    return reason === undefined;
  });
  return { layers, kept };
}

function whyNot(layer: WeightLayer, k: number): string | undefined {
  const { tensor, layout } = layer;
  const count = layout.rows * layout.columns;
  const element = (byteSize(tensor.dataType, 2) ?? 0) / 2;
  if (!isFloating(tensor) && (!layer.uses[0].coding || element !== 1))
    return `its element type, ${dataTypeName(tensor.dataType)}, is not clustered`;
  if (layer.obstacle !== undefined) return layer.obstacle;
  const coded = Math.ceil((count * Math.ceil(Math.log2(k))) / 8) + k * element + OVERHEAD;
  return coded < count * element
    ? undefined
    : `too small to gain: ${count * element} bytes, with codes about ${coded}`;
}

function inputRequests(
  model: Model,
  { layers }: Pick<ClusterPlan, "layers">,
): ReturnType<typeof gramRequests> {
  return gramRequests(model, layers, { mayBeRows: true });
}

async function cluster(
  model: Model,
  options: ClusterWeightsOptions,
  given: PassContext,
): Promise<PassResult> {
  const context = withCompute(given);
  const { layers, kept } = planClustering(model, options);
  const requests = inputRequests(model, { layers });
  const nodes: NodeStatus[] = [...kept];
  const done: Clustered[] = [];
  let clustered = 0;
  const start = (layer: WeightLayer): Promise<Clustered> =>
    clusterLayer(
      layer,
      options,
      solverInputs(layer, requests, context.statistics, context.linearAlgebra),
      context,
    );
  // With data, one layer at a time: the moments of a large layer take as much memory as everything else.
  const width = context.statistics ? 1 : context.compute.width;
  const alone = { ...context, compute: { ...context.compute, width } };
  await runInParallel(alone, layers, start, (layer, result) => {
    const { write, text } = result;
    done.push(result);
    const changed = write?.() ?? false;
    nodes.push(layerStatus(layer, changed ? "changed" : "kept", text));
    if (changed) clustered++;
  });
  return {
    modified: clustered > 0,
    stats: { clusteredTensors: clustered, values: clustered > 0 ? options.k : 0 },
    nodes,
    diagnostics: diagnosticsOf(layers, done),
  };
}

/** Warns of the layers whose fit the deadline cut short. */
function diagnosticsOf(layers: readonly WeightLayer[], done: readonly Clustered[]): Diagnostic[] {
  const late = layers.filter((_, i) => done[i]?.isCutShort).map(({ tensor }) => tensor.name ?? "");
  if (late.length === 0) return [];
  const message =
    `Time ran out while values were fitted to the calibration data: ${quotedNames(late)} could be fitted better. ` +
    "Set a later deadline.";
  return [{ id: `${NAME}/deadline`, severity: "warning", message }];
}

/** A few names, and how many more. */
function quotedNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  return names.length > 3 ? `${shown.join(", ")} and ${names.length - 3} more` : shown.join(", ");
}
