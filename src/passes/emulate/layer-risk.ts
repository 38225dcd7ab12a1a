/** How many pairs of a layer's weights can saturate on processors that sum products in pairs in 16 bits. */
export interface LayerRisk {
  readonly pairs: number;
  readonly atRisk: number;
  readonly uncovered?: string;
}
