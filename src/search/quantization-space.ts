/**
 * The search space of a quantizing pass on a model: its nodes, their costs, and the model with some of them in
 * float.
 */
import type { SampleScores } from "../fidelity/index.js";
import { groupBy } from "../group-by.js";
import {
  copyModel,
  DataType,
  GraphEditor,
  isOp,
  type Model,
  type Node,
  nodeLabel,
  type TensorType,
} from "../ir/index.js";
import { powerOf } from "../numeric/calibrators.js";
import type {
  Histogram,
  HistogramRequest,
  RangeRequest,
  StatisticRequest,
  Statistics,
} from "../numeric/statistics.js";
import { nodeMacs } from "../ops/macs.js";
import { weightView } from "../layers/weight-view.js";
import type { NodeStatus, Pass } from "../passes/contract.js";
import type { DynamicSpace } from "./dynamic-layers.js";
import type { SearchNode, SearchSpace } from "./by-accuracy.js";

export interface SpaceTools {
  /** Runs a pass on a model with statistics at hand. */
  readonly run: (pass: Pass, model: Model, statistics: Statistics) => Promise<readonly NodeStatus[]>;
  readonly measure: (model: Model, requests: readonly StatisticRequest[]) => Promise<Statistics>;
  readonly score: (model: Model, quick: boolean) => Promise<SampleScores>;
}

/** Operators that the search may leave in float; others only move or merge their results. */
const COMPUTES: readonly string[] = ["Conv", "MatMul", "Gemm", "LSTM"];

export interface QuantizationSpace extends SearchSpace {
  readonly dynamic: DynamicSpace;
}

/** @param statistics the statistics that the pass requests, measured on the model */
export async function quantizationSpace(
  model: Model,
  pass: Pass,
  statistics: Statistics,
  tools: SpaceTools,
): Promise<QuantizationSpace> {
  const buildBy = async (form: Pass): Promise<Model> => {
    const copy = copyModel(model);
    await tools.run(form, copy, statistics);
    return copy;
  };
  const build = (floatNodes: readonly string[]): Promise<Model> =>
    buildBy(floatNodes.length === 0 ? pass : excluding(pass, floatNodes));
  const copy = copyModel(model);
  const quantized = await tools.run(pass, copy, statistics);
  const names = new Set(
    quantized
      .filter(({ status, opType }) => status === "changed" && COMPUTES.includes(opType))
      .map(({ name }) => name),
  );
  const nodes = model.graph.nodes.filter((node) => names.has(nodeLabel(node)));
  const work = await workOf(model, nodes, tools.measure);
  const total = work.reduce((sum, { macs }) => sum + macs, 0) || 1;
  const requests = histogramsByTensor(pass.statistics(model));
  const editor = GraphEditor.forMainGraph(model);
  const strains = new Map<SearchNode, number>();
  // Nodes that share a name return to float together.
  for (const group of groupBy(nodes.keys(), (k) => nodeLabel(nodes[k]!)).values()) {
    const worst = group.reduce(
      (most, k) => Math.max(most, rounding(nodes[k]!, editor, requests, statistics)),
      0,
    );
    strains.set(searchNode(nodes[group[0]!]!, sumOf(group.map((k) => work[k]!)), total), worst);
  }
  return {
    nodes: [...strains].sort(([, a], [, b]) => b - a).map(([node]) => node),
    build,
    score: tools.score,
    dynamic: {
      layers: await staticLayers(pass, copy, [...strains.keys()], buildBy),
      build: (layers) => buildBy(layers.length === 0 ? pass : (pass.atRunTime?.(layers) ?? pass)),
      score: (each) => tools.score(each, true),
    },
  };
}

/**
 * Fully connected layers that are statically quantized and could be quantized dynamically, the largest first.
 * Dynamic quantization replaces the operator, unless the layer is too small or the target lacks the form.
 */
async function staticLayers(
  pass: Pass,
  quantized: Model,
  nodes: readonly SearchNode[],
  build: (form: Pass) => Promise<Model>,
): Promise<string[]> {
  const dense = denseIn(quantized);
  const onCodes = nodes
    .filter(({ name, opType }) => (opType === "MatMul" || opType === "Gemm") && dense.has(name))
    .sort((a, b) => b.share - a.share)
    .map(({ name }) => name);
  if (onCodes.length === 0 || !pass.atRunTime) return [];
  const left = denseIn(await build(pass.atRunTime(onCodes)));
  return onCodes.filter((name) => !left.has(name));
}

/** Names of the fully connected layers that are one operator. */
function denseIn({ graph }: Model): Set<string> {
  return new Set(graph.nodes.filter((node) => isOp(node, "MatMul", "Gemm")).map(nodeLabel));
}

function excluding(pass: Pass, names: readonly string[]): Pass {
  return pass.excluding?.(names) ?? pass;
}

/** The work of a node on one sample. */
interface Work {
  readonly macs: number;
  readonly values: number;
}

function sumOf(works: readonly Work[]): Work {
  return works.reduce((sum, { macs, values }) => ({ macs: sum.macs + macs, values: sum.values + values }), {
    macs: 0,
    values: 0,
  });
}

function searchNode(node: Node, { macs, values }: Work, total: number): SearchNode {
  return {
    name: nodeLabel(node),
    opType: node.opType,
    share: macs / total,
    intensity: macs / Math.max(1, values),
  };
}

async function workOf(model: Model, nodes: readonly Node[], measure: SpaceTools["measure"]): Promise<Work[]> {
  const editor = GraphEditor.forMainGraph(model);
  const request = (tensor: string): RangeRequest => ({ kind: "range", tensor });
  const sizes = await measure(
    model,
    nodes.flatMap((node) => [readBy(node, editor), madeBy(node)].filter((name) => name !== "").map(request)),
  );
  const valuesOf = (name: string): number => (name === "" ? 0 : (sizes.get(request(name))?.count ?? 0));
  return nodes.map((node) => {
    const [read, made] = [valuesOf(readBy(node, editor)), valuesOf(madeBy(node))];
    return { macs: macsOf(node, read, made, editor), values: read + made };
  });
}

/** The computed input: the right one for a product whose left factor is a constant. */
function readBy({ inputs: [left = "", right = ""] }: Node, editor: GraphEditor): string {
  return right !== "" && weightView(editor, left) ? right : left;
}

/** If a recurrent layer outputs only its last state, the first output has no name. */
function madeBy({ outputs }: Node): string {
  return outputs.find((name) => name !== "") ?? "";
}

/**
 * Multiply-accumulates of the node; 0 if its weights are not constants.
 * @param read elements of its first input
 * @param made elements of its output
 */
function macsOf(node: Node, read: number, made: number, editor: GraphEditor): number {
  const typed = (shape: readonly number[]): TensorType => ({
    elementType: DataType.FLOAT,
    shape: [...shape],
  });
  const [left, ...weights] = node.inputs.map((name) => {
    const weight = weightView(editor, name);
    return weight && typed(weight.dims);
  });
  const width = weights[0]?.shape?.at(-1);
  // For a recurrent layer, the input determines the number of steps; for other operators, the output determines
  // the work.
  const isRecurrent = isOp(node, "LSTM") && typeof width === "number" && width > 0;
  return (
    nodeMacs(node, [isRecurrent ? typed([read / width, 1, width]) : left, ...weights], [typed([made])]) ?? 0
  );
}

/**
 * Estimates the rounding noise of a node's tensors: the noise of 8-bit codes over their range, relative to
 * their power, summed over inputs and outputs. A cheap indicator of ranges that a few large values stretch.
 */
function rounding(
  node: Node,
  editor: GraphEditor,
  requests: ReadonlyMap<string, HistogramRequest>,
  statistics: Statistics,
): number {
  const touched = new Set([readBy(node, editor), madeBy(node)]);
  return [...touched].reduce((sum, tensor) => {
    const request = requests.get(tensor);
    return sum + (request ? relativeRounding(statistics.get(request)) : 0);
  }, 0);
}

/** For the main graph only, because a tensor in a body may share another's name. */
function histogramsByTensor(requests: readonly StatisticRequest[]): Map<string, HistogramRequest> {
  return new Map(
    requests.flatMap((request) =>
      request.kind === "histogram" && (request.scope ?? []).length === 0
        ? [[request.tensor, request] as const]
        : [],
    ),
  );
}

function relativeRounding(histogram: Histogram | undefined): number {
  if (!histogram || histogram.count === 0) return 0;
  const { min, max, count } = histogram;
  const power = powerOf(histogram) / count;
  const step = (Math.max(max, 0) - Math.min(min, 0)) / 255;
  return power > 0 ? (step * step) / 12 / power : 0;
}
