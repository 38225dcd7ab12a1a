/** Chooses the factors of all regions together, because the weights between two regions belong to both. */
import {
  balancingFactors,
  channelSizes,
  LARGEST_FACTOR,
  type ScaledMagnitudes,
} from "../../../numeric/equalization.js";
import type { LinearLayer } from "../../../layers/linear-layer.js";
import type { ChannelRegion, ChannelSource } from "../../../layers/channel-regions.js";
import { layerMagnitudes } from "./layer-factors.js";

export interface LayerSource extends ChannelSource {
  readonly layer: LinearLayer;
}
export type LayerRegion = ChannelRegion<LayerSource>;

/**
 * Factors converge after two or three sweeps if regions form a chain, and later if a layer leads back into its
 * own region.
 */
const SWEEPS = 10;

export class RegionBalance {
  private readonly magnitudes = new Map<LinearLayer, ScaledMagnitudes | undefined>();
  /** Factors that the values of a region are divided by. */
  private readonly factors = new Map<LayerRegion, Float64Array>();

  /**
   * @param seen the largest absolute activation of each channel of a region, if it was measured
   * @param perChannel whether weights will have one scale per output channel
   */
  constructor(
    regions: readonly LayerRegion[],
    private readonly seen: ReadonlyMap<LayerRegion, Float64Array>,
    private readonly perChannel: boolean,
  ) {
    for (const region of regions) {
      if (layersOf(region).every((layer) => this.magnitudesOf(layer) !== undefined))
        this.factors.set(region, new Float64Array(region.channels).fill(1));
    }
  }

  /** The factors of every region that can be scaled; 1 for channels that stay unchanged. */
  run(): ReadonlyMap<LayerRegion, Float64Array> {
    // From the end of the graph, so that a chain converges after one sweep: measured activations do not change.
    const backward = [...this.factors.keys()].reverse();
    for (let sweep = 0; sweep < SWEEPS; sweep++) for (const region of backward) this.update(region);
    return this.factors;
  }

  /** Resets a region to no factors. */
  reset(region: LayerRegion): void {
    this.set(region, new Float64Array(region.channels).fill(1));
    this.factors.delete(region);
  }

  /** Layers with the factors chosen for them. */
  scaled(): Iterable<[LinearLayer, ScaledMagnitudes | undefined]> {
    return this.magnitudes;
  }

  private magnitudesOf(layer: LinearLayer): ScaledMagnitudes | undefined {
    if (!this.magnitudes.has(layer)) this.magnitudes.set(layer, layerMagnitudes(layer));
    return this.magnitudes.get(layer);
  }

  private update(region: LayerRegion): void {
    const old = this.factors.get(region)!;
    const rows = this.rows(region);
    const seen = this.seen.get(region)?.map((value, c) => value / old[c]!);
    const change = balancingFactors(seen ? channelSizes(seen, rows) : rows, this.columns(region), 0.5);
    this.set(
      region,
      old.map((factor, c) => Math.min(LARGEST_FACTOR, Math.max(1 / LARGEST_FACTOR, factor * change[c]!))),
    );
  }

  /** The largest weight of each channel in the layers that produce it. */
  private rows(region: LayerRegion): Float64Array {
    const rows = new Float64Array(region.channels);
    for (const { layer } of region.sources)
      this.magnitudesOf(layer)!
        .rowMaxima()
        .forEach((value, c) => (rows[c] = Math.max(rows[c]!, value)));
    return rows;
  }

  /** The largest weight that each channel is multiplied by, relative to the range of its scale. */
  private columns(region: LayerRegion): Float64Array {
    const columns = new Float64Array(region.channels);
    for (const layer of region.sinks) {
      const magnitudes = this.magnitudesOf(layer)!;
      const units = this.perChannel
        ? magnitudes.rowMaxima().map((value) => value || 1)
        : new Float64Array(layer.outputs).fill(1);
      const shares = magnitudes.columnMaxima(units);
      const largest = shares.reduce((a, b) => Math.max(a, b), 0) || 1;
      shares.forEach((value, input) => {
        const c = channelOf(region, layer, input);
        columns[c] = Math.max(columns[c]!, value / largest);
      });
    }
    return columns;
  }

  private set(region: LayerRegion, factors: Float64Array): void {
    this.factors.set(region, factors);
    for (const { layer } of region.sources)
      this.magnitudesOf(layer)!.outputFactors.set(factors.map((factor) => 1 / factor));
    for (const layer of region.sinks) spreadFactors(region, layer, factors, this.magnitudesOf(layer)!);
  }
}

/** Applies a region's factors to a sink. After a Flatten, each channel is a run of inputs. */
export function spreadFactors(
  region: ChannelRegion<unknown>,
  layer: LinearLayer,
  factors: Float64Array,
  { inputFactors }: ScaledMagnitudes,
): void {
  for (let input = 0; input < inputFactors.length; input++)
    inputFactors[input] = factors[channelOf(region, layer, input)]!;
}

function channelOf({ channels }: ChannelRegion<unknown>, { inputs }: LinearLayer, input: number): number {
  return Math.floor((input * channels) / inputs);
}

function layersOf({ sources, sinks }: LayerRegion): LinearLayer[] {
  return [...sources.map(({ layer }) => layer), ...sinks];
}
