/** Determines which weights quantize-int8 (or store-int8) will quantize, and to which grid. */
import { DataType, type Model, nodeLabel } from "../../../ir/index.js";
import { kernelPartners } from "../../../layers/kernel-pairs.js";
import { type WeightLayer, weightLayers } from "../../../layers/weight-layers.js";
import { maxCodeOf } from "../../../numeric/affine.js";
import type { CodeLimits } from "../../../numeric/rounding-grid.js";
import type { NodeStatus } from "../../contract.js";
import { layerStatus } from "../../layer-status.js";
import { type LayerSetup, quantizationSetup, type SetupOptions } from "./quantization-setup.js";
import { codeBits, isGuarded, type WeightForm } from "./weight-form.js";

export interface RoundingScope extends SetupOptions {
  readonly layers: "int8" | "all";
}

export interface PlannedLayer {
  readonly layer: WeightLayer;
  readonly bits: number;
  readonly limits: CodeLimits;
}

interface RoundingPlan {
  readonly planned: readonly PlannedLayer[];
  readonly kept: readonly NodeStatus[];
}

/**
 * @param calibrated whether quantize-int8 will have calibrated activation ranges. Throws EdgecError
 * UNMATCHED_SELECTOR.
 */
export function planRounding(
  model: Model,
  scope: RoundingScope,
  calibrated: boolean,
  user: string,
): RoundingPlan {
  const { graphs, form, isExcluded } = quantizationSetup(model, scope, calibrated ? "to come" : "none", user);
  const setups = new Map(graphs.flatMap(({ layers }) => [...layers]));
  const planned: PlannedLayer[] = [];
  const kept: NodeStatus[] = [];
  for (const layer of weightLayers(model)) {
    const inInt8 = layer.uses.every(({ node }) => isInt8(setups.get(node)));
    const grid = inInt8 ? int8Grid(layer, form) : STORED_GRID;
    const reason =
      (layer.uses.some(({ node }) => isExcluded(node)) ? "excluded" : undefined) ??
      whyNotRounded(layer) ??
      (inInt8 || scope.layers === "all" ? undefined : whyFloat(setups.get(layer.uses[0].node))) ??
      tooCostly(layer, grid.bits);
    if (reason !== undefined) kept.push(layerStatus(layer, "kept", reason));
    else planned.push({ layer, ...grid });
  }
  return { planned, kept };
}

function isInt8(setup: LayerSetup | undefined): boolean {
  return setup !== undefined && "arithmetic" in setup;
}

function whyFloat(setup: LayerSetup | undefined): string {
  return setup && "reason" in setup ? setup.reason : "stays in float";
}

/**
 * With more inputs per output, weights of seven and eight bits are rounded to the nearest code. Compensating a
 * network with layers of 4,608 inputs takes minutes and a gigabyte, for a gain of one or two dB. Fewer bits
 * need it.
 */
const MOST_INPUTS = 1536;
const FINE_BITS = 7;

function tooCostly({ layout: { columns } }: WeightLayer, bits: number): string | undefined {
  return bits >= FINE_BITS && columns > MOST_INPUTS
    ? `has ${columns} inputs; with so many, ${bits}-bit codes are rounded to the nearest`
    : undefined;
}

function whyNotRounded({ tensor, uses, obstacle }: WeightLayer): string | undefined {
  if (tensor.dataType !== DataType.FLOAT) return "its weight is not float";
  const other = uses.find(({ kind }) => kind === "embedding" || kind === "conv-transpose");
  if (other) return `${other.node.opType} "${nodeLabel(other.node)}" has no int8 kernel`;
  return obstacle;
}

type Grid = Pick<PlannedLayer, "bits" | "limits">;

/** For weights that are stored as int8 but computed in float. */
const STORED_GRID: Grid = { bits: 8, limits: { maxCode: maxCodeOf(8) } };

function int8Grid({ tensor, layout, uses }: WeightLayer, form: WeightForm): Grid {
  const bits = codeBits(tensor, form);
  const guarded = uses.some((use) => isGuarded(use.node, use, form));
  const partners = guarded ? { partners: kernelPartners(layout) } : {};
  return { bits, limits: { maxCode: maxCodeOf(bits), ...partners } };
}
