/** Counts the weight pairs of a layer that can saturate on processors that add products in pairs in 16 bits. */
export interface LayerRisk {
  readonly pairs: number;
  readonly atRisk: number;
  readonly uncovered?: string;
}
