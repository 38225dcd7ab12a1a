/**
 * correct-bias: takes back the shift of the mean that quantization (or pruning) brought to each channel.
 *
 *   b_c  ←  b_c + E[y_c] − E[ŷ_c]        y: the output in the model before lossy passes, ŷ: in the model as it is
 *
 * Layers are corrected from the inputs to the outputs, a few depths at a time: what lies behind sees what has been
 * corrected before it. Handles Conv, Gemm, and the Add behind a MatMul or its dynamically quantized form, in the main
 * graph; layers without a bias get one. Layers whose output the model before had under another name are left.
 * Source of the method: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV
 * 2019), section 4.2, in its empirical and sequential form.
 */
import { GraphEditor, type Model, type Node, nodeLabel } from "../../ir/index.js";
import { EdgecError } from "../../errors.js";
import type { MomentsRequest, Statistics } from "../../numeric/statistics.js";
import type { NodeStatus, PassContext, PassResult } from "../contract.js";
import { definePass } from "../define-pass.js";
import { biasSites, type BiasSite } from "./bias-sites.js";

export interface CorrectBiasOptions {
  /** Measurements of the model at most. Fewer than the depth of the network make groups of neighbouring depths. */
  readonly rounds: number;
  /** Calibration samples that means are taken over, at most. */
  readonly samples: number;
}

export const correctBias = definePass<CorrectBiasOptions>({
  name: "correct-bias",
  description: "Take back the shifts of means that quantization and pruning brought, layer after layer",
  lossy: true,
  defaults: { rounds: 16, samples: 64 },
  validate,
  run: correct,
});

function validate(options: CorrectBiasOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new EdgecError("BAD_OPTION", `${name} must be a positive integer, not ${value}.`);
  }
}

async function correct(model: Model, { rounds, samples }: CorrectBiasOptions, { reference, measure }: PassContext): Promise<PassResult> {
  if (!reference || !measure) return { modified: false, stats: {}, nodes: [], diagnostics: [] };
  const editor = GraphEditor.forMainGraph(model);
  const known = new Set(reference.graph.nodes.flatMap((node) => node.outputs));
  const sites = biasSites(editor).filter(({ output }) => known.has(output));
  const target = await measure(reference, sites.map(request), samples);
  const nodes: NodeStatus[] = [];
  let modified = false;
  for (const group of byDepth(editor, sites, rounds)) {
    const current = await measure(model, group.map(request), samples);
    for (const site of group) {
      const shifted = shiftSite(site, target, current);
      modified ||= shifted;
      nodes.push({ name: nodeLabel(site.node), opType: site.node.opType, status: shifted ? "changed" : "kept", reason: shifted ? "its bias takes back the shift of its means" : "its means have not shifted" });
    }
  }
  const corrected = nodes.filter(({ status }) => status === "changed").length;
  return { modified, stats: { correctedLayers: corrected }, nodes, diagnostics: [] };
}

function request({ output, channelAxis }: BiasSite): MomentsRequest {
  return { kind: "moments", tensor: output, axis: channelAxis };
}

function shiftSite(site: BiasSite, target: Statistics, current: Statistics): boolean {
  const [expected, actual] = [target, current].map((statistics) => statistics.get(request(site))?.mean);
  if (expected?.length !== site.channels || actual?.length !== site.channels) return false;
  const shift = expected.map((mean, c) => mean - actual[c]!);
  return shift.every(Number.isFinite) && site.shift(shift);
}

/** Sites in at most `most` groups, by how many sites lie between them and the inputs. */
function byDepth(editor: GraphEditor, sites: readonly BiasSite[], most: number): BiasSite[][] {
  const siteOf = new Map<Node, BiasSite>(sites.map((site) => [site.node, site]));
  const depths = new Map<string, number>();
  const groups: BiasSite[][] = [];
  for (const node of editor.graph.nodes) {
    const before = Math.max(0, ...[...editor.usedNames(node)].map((name) => depths.get(name) ?? 0));
    const site = siteOf.get(node);
    if (site) (groups[before] ??= []).push(site);
    for (const output of node.outputs) depths.set(output, before + (site ? 1 : 0));
  }
  const each = Math.ceil(groups.length / most);
  return Array.from({ length: Math.ceil(groups.length / each) }, (_, k) => groups.slice(k * each, (k + 1) * each).flat());
}
