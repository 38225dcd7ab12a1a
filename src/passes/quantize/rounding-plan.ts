/** Which weights quantize-int8 (or store-int8) will turn into codes, and on which grid. */
import { DataType, GraphEditor, isOp, type Model, type Node, nodeLabel, opsetVersion } from "../../ir/index.js";
import { maxCodeOf } from "../../numeric/affine.js";
import type { CodeLimits } from "../../numeric/rounding-grid.js";
import { DYNAMIC_OPSET, PER_CHANNEL_OPSET } from "../../ops/int8-kernels.js";
import { kernelPartners } from "../cluster/kernel-pairs.js";
import type { NodeStatus } from "../contract.js";
import { layerStatus, type WeightLayer, weightLayers } from "../weights/weight-layers.js";
import { whyNotDynamicLstm } from "./dynamic-lstm.js";
import type { Int8Format } from "./int8-formats.js";
import { findIslands } from "./islands.js";
import { rankTeller } from "./value-ranks.js";
import { type WeightBitsOptions, weightBitsOf } from "./weight-bits.js";
import { exclusionsOf } from "./exclusions.js";
import { isDepthwise } from "./kernel-weight.js";

export interface RoundingScope extends WeightBitsOptions {
  readonly saturation: "guard" | "ignore" | "seven-bit";
  readonly layers: "int8" | "all";
  /** As in quantize-int8: what the runtime on the device takes, and operator types that stay float. */
  readonly formats: readonly Int8Format[];
  readonly floatOperators: readonly string[];
  readonly exclude: readonly string[];
}

export interface PlannedLayer {
  readonly layer: WeightLayer;
  readonly bits: number;
  readonly limits: CodeLimits;
}

export interface RoundingPlan {
  readonly planned: readonly PlannedLayer[];
  readonly kept: readonly NodeStatus[];
}

/** @param calibrated whether quantize-int8 will know ranges of activations. Throws EdgecError UNMATCHED_SELECTOR. */
export function planRounding(model: Model, scope: RoundingScope, calibrated: boolean, user: string): RoundingPlan {
  const isExcluded = exclusionsOf(model, scope.exclude, user);
  const excluded = (node: Node): string | undefined => (isExcluded(node) ? "excluded" : undefined);
  const { taken, left } = int8Nodes(model, excluded, calibrated, scope);
  const bitsOf = weightBitsOf(model, scope);
  const most = scope.saturation === "seven-bit" ? 7 : 8;
  const planned: PlannedLayer[] = [];
  const kept: NodeStatus[] = [];
  for (const layer of weightLayers(model)) {
    const inInt8 = layer.uses.every(({ node }) => taken.has(node));
    const reason = layer.uses.map(({ node }) => excluded(node)).find((text) => text !== undefined) ?? whyNotRounded(layer)
      ?? (inInt8 || scope.layers === "all" ? undefined : left.get(layer.uses[0].node) ?? "stays float");
    const bits = inInt8 ? Math.min(most, bitsOf(layer.tensor)) : 8;
    const obstacle = reason ?? tooCostly(layer, bits);
    if (obstacle !== undefined) kept.push(layerStatus(layer, "kept", obstacle));
    else planned.push({ layer, ...gridOf(layer, bits, inInt8 && scope.saturation === "guard") });
  }
  return { planned, kept };
}

/**
 * Inputs of an output, beyond which seven and eight bits are rounded to the nearest: moments and factors of a layer of
 * 4,608 take minutes and a gigabyte with the others of its network, for a gain of a dB or two. Fewer bits need it.
 */
const MOST_INPUTS = 1536;
const FINE_BITS = 7;

function tooCostly({ layout: { columns } }: WeightLayer, bits: number): string | undefined {
  return bits >= FINE_BITS && columns > MOST_INPUTS ? `has ${columns} inputs, for which ${bits}-bit codes are rounded to the nearest` : undefined;
}

/** Operators that quantize-int8 takes, and why it leaves others. */
function int8Nodes(
  model: Model, excluded: (node: Node) => string | undefined, calibrated: boolean, { formats, floatOperators }: RoundingScope,
): { taken: Set<Node>; left: Map<Node, string> } {
  const staysFloat = (node: Node): string | undefined => excluded(node) ?? (floatOperators.includes(node.opType) ? `${node.opType} stays float on the target` : undefined);
  const taken = new Set<Node>();
  const left = new Map<Node, string>();
  const opset = opsetVersion(model);
  if (opset < DYNAMIC_OPSET) return { taken, left };
  const editors = GraphEditor.forModel(model);
  const rankOf = rankTeller(editors);
  for (const editor of editors) {
    const isStatic = calibrated && opset >= PER_CHANNEL_OPSET && formats.includes("static-qdq");
    const islands = findIslands(editor,
      { excluded: staysFloat, rankOf,
      ...(isStatic ? {} : { uncalibrated: "convolutions stay float without calibration data" }) });
    for (const node of [...islands.computes, ...(formats.includes("dynamic-matmul") ? islands.dynamic : [])]) taken.add(node);
    for (const [node, reason] of islands.kept) left.set(node, reason);
    for (const node of editor.graph.nodes) {
      if (!isOp(node, "LSTM")) continue;
      const reason = staysFloat(node) ?? (formats.includes("dynamic-lstm") ? whyNotDynamicLstm(editor, node) : "the target takes no such layer");
      if (reason === undefined) taken.add(node);
      else left.set(node, reason);
    }
  }
  return { taken, left };
}

function whyNotRounded({ tensor, uses, obstacle }: WeightLayer): string | undefined {
  if (tensor.dataType !== DataType.FLOAT) return "its weight is not float";
  const other = uses.find(({ kind }) => kind === "embedding" || kind === "conv-transpose");
  if (other) return `${other.node.opType} "${nodeLabel(other.node)}" has no int8 kernel`;
  return obstacle;
}

function gridOf({ layout, uses }: WeightLayer, bits: number, guard: boolean): { bits: number; limits: CodeLimits } {
  const maxCode = maxCodeOf(bits);
  const guarded = guard && uses.some((use) => !isDepthwise(use.node, use));
  return { bits, limits: { maxCode, ...(guarded ? { partners: kernelPartners(layout) } : {}) } };
}
