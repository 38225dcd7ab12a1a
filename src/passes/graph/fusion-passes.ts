/**
 * The exact passes that make one operator out of several, in order. Every entry is proven by running before
 * and after in onnxruntime; results differ by rounding, within the bounds that the passes state.
 *
 * `inEveryRecipe` says whether a fusion also belongs before pruning and quantization. The others are for a
 * person who asks for them: they may cost int8 accuracy, or write operators that only onnxruntime has.
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
import { fuseSwish } from "./fuse/fuse-swish.js";
import { mergeLayers } from "./fuse/merge-layers.js";
import { trimRecurrence } from "./fuse/trim-recurrence.js";

export interface FusionStep {
  readonly pass: PassFactory<Record<string, never>>;
  readonly inEveryRecipe: boolean;
  readonly reason: string;
}

export const FUSION_PASSES: readonly FusionStep[] = [
  {
    pass: trimRecurrence,
    inEveryRecipe: true,
    reason:
      "steps of a recurrent layer that nobody reads need no pruning and no int8; half of a " +
      "bidirectional GRU's, where the last is read",
  },
  {
    pass: fuseLayerNorm,
    inEveryRecipe: true,
    reason:
      "patterns first: folding would take their factors into layers; one standard node " +
      "where nine stood, none of which has an int8 kernel",
  },
  {
    pass: fuseGelu,
    inEveryRecipe: false,
    reason:
      "may write com.microsoft operators, which other runtimes do not have; onnxruntime fuses it by itself at load",
  },
  {
    pass: fuseSwish,
    inEveryRecipe: false,
    reason: "as for Gelu; Sigmoid and Mul by themselves have int8 kernels",
  },
  {
    pass: fuseHardSwish,
    inEveryRecipe: true,
    reason:
      "standard operators; the int8 models of PP-OCR ran 1.15 (text detection) and 1.5 " +
      "times (direction) as fast with it",
  },
  {
    pass: fuseAttention,
    inEveryRecipe: false,
    reason:
      "writes a com.microsoft operator before operator set 23; the weights of its projections stay where they are",
  },
  {
    pass: fusePad,
    inEveryRecipe: true,
    reason: "a border by itself hides a convolution from what folds into it",
  },
  {
    pass: foldConcatAffine,
    inEveryRecipe: true,
    reason: "scales go into output channels, each of which has an int8 scale of its own",
  },
  {
    pass: foldInputAffine,
    inEveryRecipe: false,
    reason:
      "for float models: a scale that evens out channels does so for int8 too (without it " +
      "resnet fell from 40 to 14 dB, lenet from 47 to 26)",
  },
  {
    pass: mergeLayers,
    inEveryRecipe: true,
    reason:
      "after folding, which takes away what stands between layers; before pruning, so that " +
      "it chooses among the weights that will run",
  },
  {
    pass: fuseMatMulAdd,
    inEveryRecipe: true,
    reason:
      "last, since the passes above take either form; the int8 pass knows a Gemm with its bias as one layer",
  },
];
