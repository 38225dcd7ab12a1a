/**
 * The exact passes that make one operator out of several, in order. Every entry is proven by running before and after
 * in onnxruntime; results differ by rounding, within the bounds that the passes state.
 *
 * `inEveryRecipe` says whether a fusion also stands before pruning and quantization. Those that do not are for models
 * that stay as they are: they hide from the passes behind them what these work on, or cost int8 accuracy.
 */
import type { PassFactory } from "../contract.js";
import { foldConcatAffine } from "./fuse/fold-concat-affine.js";
import { foldInputAffine } from "./fuse/fold-input-affine.js";
import { fuseAttention } from "./fuse/fuse-attention.js";
import { fuseGelu } from "./fuse/fuse-gelu.js";
import { fuseHardSwish } from "./fuse/fuse-hard-swish.js";
import { fuseLayerNorm } from "./fuse/fuse-layer-norm.js";
import { fuseMatMulAdd } from "./fuse/fuse-matmul-add.js";
import { fusePad } from "./fuse/fuse-pad.js";
import { mergeLayers } from "./fuse/merge-layers.js";

export interface FusionStep {
  readonly pass: PassFactory<Record<string, never>>;
  readonly inEveryRecipe: boolean;
  readonly reason: string;
}

export const FUSION_PASSES: readonly FusionStep[] = [
  { pass: fuseLayerNorm, inEveryRecipe: true, reason: "" },
  { pass: fuseGelu, inEveryRecipe: true, reason: "" },
  { pass: fuseHardSwish, inEveryRecipe: true, reason: "" },
  { pass: fuseAttention, inEveryRecipe: true, reason: "" },
  { pass: fusePad, inEveryRecipe: true, reason: "" },
  { pass: foldConcatAffine, inEveryRecipe: true, reason: "" },
  { pass: foldInputAffine, inEveryRecipe: false, reason: "" },
  { pass: mergeLayers, inEveryRecipe: true, reason: "" },
  { pass: fuseMatMulAdd, inEveryRecipe: true, reason: "" },
];
