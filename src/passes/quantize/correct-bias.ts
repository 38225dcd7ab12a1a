/**
 * correct-bias: compensates the shift of each channel's mean that quantization (or pruning) caused.
 *
 *   b_c  ←  b_c + E[y_c] − E[ŷ_c]        y: the output in the model before lossy passes, ŷ: in the model as
 *   it is
 *
 * Works from the inputs to the outputs, so that each layer sees the corrections before it. If the model accepts
 * a batch, this takes one run: a copy of the model subtracts the shift of each layer from a batch of samples as
 * it computes. Otherwise it takes one measurement per depth of the network; if the network is deeper than
 * `rounds`, only the last depths are corrected.
 *
 * Handles Conv, Gemm, and the Add after a MatMul or its dynamically quantized form, in the main graph; layers
 * without a bias get one. Left alone: layers whose output had another name in the original. Source of the
 * method: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019),
 * section 4.2, in its empirical form, layer after layer.
 */
import { EdgecError } from "../../errors.js";
import { GraphEditor, type Model, type Node, nodeLabel } from "../../ir/index.js";
import type { MomentsRequest, Statistics } from "../../numeric/statistics.js";
import type { Measure, NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { biasSites, type BiasSite } from "../../layers/bias-sites.js";
import { modelOfMeans, modelOfShifts, type ShiftModel } from "./measure/mean-shifts.js";

export interface CorrectBiasOptions {
  /** Most measurements of a model that does not accept a batch. */
  readonly rounds: number;
  /** Most calibration samples to average over. */
  readonly samples: number;
}

export const correctBias = definePass<CorrectBiasOptions>({
  name: "correct-bias",
  description: "Compensate the shifts of channel means that quantization and pruning caused, layer by layer",
  lossy: true,
  defaults: { rounds: 24, samples: 64 },
  validate,
  run: correct,
});

function validate(options: CorrectBiasOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new EdgecError("BAD_OPTION", `${name} must be a positive integer, not ${value}.`);
  }
}

/** Shifts, keyed by the output of the site that they were added to. */
type Shifted = ReadonlySet<string>;

async function correct(
  model: Model,
  options: CorrectBiasOptions,
  { reference, measure }: PassContext,
): Promise<PassResult> {
  if (!reference || !measure) return { modified: false, stats: {}, nodes: [], diagnostics: [] };
  const editor = GraphEditor.forMainGraph(model);
  const known = new Set(reference.graph.nodes.flatMap((node) => node.outputs));
  const sites = biasSites(editor).filter(({ output }) => known.has(output));
  const onBatch = takesBatch(model)
    ? await correctOnBatch(model, sites, reference, measure, options.samples)
    : undefined;
  const shifted = onBatch ?? (await correctByDepth(model, editor, sites, reference, measure, options));
  return {
    modified: shifted.size > 0,
    stats: { correctedLayers: shifted.size },
    nodes: sites.map((site) => statusOf(site, shifted)),
    diagnostics: [],
  };
}

function statusOf({ node, output }: BiasSite, shifted: Shifted): NodeStatus {
  const isShifted = shifted.has(output);
  return {
    name: nodeLabel(node),
    opType: node.opType,
    status: isShifted ? "changed" : "kept",
    reason: isShifted ? "its bias compensates the shift of its means" : "its means have not shifted",
  };
}

/** Whether the first axis of all inputs may have any size. Constants that are listed as inputs do not count. */
function takesBatch({ graph }: Model): boolean {
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !constants.has(name));
  return (
    inputs.length > 0 &&
    inputs.every(({ type }) => {
      const shape = type?.tensor?.shape;
      return shape !== undefined && shape.length > 0 && typeof shape[0] !== "number";
    })
  );
}

/** Undefined if the model does not run on a batch after all, for example because it contains constant shapes. */
async function correctOnBatch(
  model: Model,
  sites: readonly BiasSite[],
  reference: Model,
  measure: Measure,
  samples: number,
): Promise<Shifted | undefined> {
  try {
    const targets = await measureOnBatch(modelOfMeans(reference, sites), measure, samples);
    const shifts = await measureOnBatch(modelOfShifts(model, targets), measure, samples);
    return new Set(
      sites.filter((site) => shiftBy(site, shifts.get(site.output))).map(({ output }) => output),
    );
  } catch (error) {
    if (error instanceof EdgecError && (error.code === "MODEL_REJECTED" || error.code === "BAD_DATA"))
      return undefined;
    throw error;
  }
}

/** Values per channel, keyed by the output of the site. */
async function measureOnBatch(
  { model, requests }: ShiftModel,
  measure: Measure,
  samples: number,
): Promise<Map<string, Float64Array>> {
  const measured = await measure(model, [...requests.values()], { samples, asBatch: true });
  return new Map(
    [...requests].flatMap(([output, request]) => {
      const values = measured.get(request)?.mean;
      return values ? [[output, values] as const] : [];
    }),
  );
}

async function correctByDepth(
  model: Model,
  editor: GraphEditor,
  sites: readonly BiasSite[],
  reference: Model,
  measure: Measure,
  { rounds, samples }: CorrectBiasOptions,
): Promise<Shifted> {
  const shifted = new Set<string>();
  const depths = byDepth(editor, sites).slice(-rounds);
  const expected = await measure(reference, depths.flat().map(momentsOf), { samples });
  for (const [at, depth] of depths.entries()) {
    const later = depths
      .slice(at + 1)
      .flat()
      .map(momentsOf);
    const actual = await measure(model, depth.map(momentsOf), { samples, later });
    for (const site of depth) if (shiftBy(site, difference(site, expected, actual))) shifted.add(site.output);
  }
  return shifted;
}

function momentsOf({ output, channelAxis }: BiasSite): MomentsRequest {
  return { kind: "moments", tensor: output, axis: channelAxis };
}

function difference(site: BiasSite, expected: Statistics, actual: Statistics): Float64Array | undefined {
  const [target, mean] = [expected, actual].map((statistics) => statistics.get(momentsOf(site))?.mean);
  return target && mean?.length === target.length ? target.map((value, c) => value - mean[c]!) : undefined;
}

function shiftBy(site: BiasSite, shift: Float64Array | undefined): boolean {
  return shift?.length === site.channels && shift.every(Number.isFinite) && site.shift(shift);
}

/** Sites grouped by the number of other sites between them and the inputs. */
function byDepth(editor: GraphEditor, sites: readonly BiasSite[]): BiasSite[][] {
  const siteOf = new Map<Node, BiasSite>(sites.map((site) => [site.node, site]));
  const depths = new Map<string, number>();
  const groups: BiasSite[][] = [];
  for (const node of editor.graph.nodes) {
    const before = Math.max(0, ...[...editor.usedNames(node)].map((name) => depths.get(name) ?? 0));
    const site = siteOf.get(node);
    if (site) (groups[before] ??= []).push(site);
    for (const output of node.outputs) depths.set(output, before + (site ? 1 : 0));
  }
  return groups;
}
