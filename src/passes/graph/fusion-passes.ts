/**
 * The exact passes that fuse several operators into one, in order. Tests run each before and after in
 * onnxruntime; results differ by rounding, within the limits that the passes state.
 *
 * `inEveryRecipe` says whether a fusion also belongs before pruning and quantization. The others run only when
 * named: they may cost int8 accuracy, or write operators that only onnxruntime has.
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

interface FusionStep {
  readonly pass: PassFactory<Record<string, never>>;
  readonly inEveryRecipe: boolean;
  readonly reason: string;
}

export const FUSION_PASSES: readonly FusionStep[] = [
  {
    pass: trimRecurrence,
    inEveryRecipe: true,
    reason:
      "unread steps of a recurrent layer need no pruning and no int8: half of a " +
      "bidirectional GRU's, if only the last is read",
  },
  {
    pass: fuseLayerNorm,
    inEveryRecipe: true,
    reason:
      "before folding, which would move factors of the pattern into layers; one standard node " +
      "replaces nine, none of which has an int8 kernel",
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
      "standard operators; the int8 models of PP-OCR ran 1.15 times (text detection) and 1.5 " +
      "times (text direction) as fast with it",
  },
  {
    pass: fuseAttention,
    inEveryRecipe: false,
    reason: "writes a com.microsoft operator before operator set 23; the projections keep their weights",
  },
  { pass: fusePad, inEveryRecipe: true, reason: "a separate Pad prevents folding into the convolution" },
  {
    pass: foldConcatAffine,
    inEveryRecipe: true,
    reason: "scales are folded into output channels, each of which has its own int8 scale",
  },
  {
    pass: foldInputAffine,
    inEveryRecipe: false,
    reason:
      "for float models: int8 benefits from a scale that equalizes channels (without it, " +
      "resnet fell from 40 to 14 dB, lenet from 47 to 26)",
  },
  {
    pass: mergeLayers,
    inEveryRecipe: true,
    reason:
      "after folding, which removes the nodes between layers; before pruning, so that " +
      "it chooses among the final weights",
  },
  {
    pass: fuseMatMulAdd,
    inEveryRecipe: true,
    reason:
      "last, because earlier passes handle both forms; the int8 pass treats a Gemm and its bias as one layer",
  },
];
