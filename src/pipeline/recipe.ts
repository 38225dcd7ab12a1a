/** The order in which passes run, as data, with the reason for each place. */

import { CLEAN_UP_PASSES } from "../passes/graph/clean-up.js";
import { FUSION_PASSES } from "../passes/graph/fusion-passes.js";
import { OPTIMIZE_PASSES } from "../passes/graph/optimize-passes.js";

/** When a step takes part: always, or when the plan asks for what it does. */
export type StepCondition = "always" | "prune" | "int8" | "lowBits" | "cluster" | "storeInt8" | "int8Balanced" | "int8Best" | "int8Rounded" | "unpacked" | "storedAgain";

export interface RecipeStep {
  /** Passes that run together, by name. */
  readonly passes: readonly string[];
  /** Runs the passes again until none of them changes the model. */
  readonly untilStable: boolean;
  readonly when: StepCondition;
  /** Why it stands where it stands. */
  readonly reason: string;
  /**
   * The step must prove itself: it is taken back unless the outputs come nearer to those of the model before lossy
   * passes, on held-out samples, judged on the model as the pass named here leaves it. Left out without such samples.
   */
  readonly judgedAfter?: string;
  /** What the passes are told here and not elsewhere. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Exact passes that the others need: all weights as initializers of nodes that stay. One removal enables another. */
export const CLEAN_UP: readonly string[] = CLEAN_UP_PASSES.map(({ pass }) => pass.definition.name);

/** The clean-up with the passes on structure, in the order in which they run. */
export const SIMPLIFY: readonly string[] = [...CLEAN_UP, ...OPTIMIZE_PASSES.map(({ pass }) => pass.definition.name)];

/** The fusions that pruning and quantization gain from. */
export const FUSIONS: readonly string[] = FUSION_PASSES.filter(({ inEveryRecipe }) => inEveryRecipe).map(({ pass }) => pass.definition.name);

/** What `edgec optimize` runs: all that changes results by no more than rounding. */
export const OPTIMIZE: readonly string[] = [...SIMPLIFY, ...FUSION_PASSES.map(({ pass }) => pass.definition.name)];

/** What lossy passes leave behind, and what only they could use. Nothing here folds constants: that would undo what they stored. */
export const CLEAN_UP_LITE: readonly string[] = ["remove-dead", "deduplicate-initializers", "strip-debug-info"];

/** What brings weights to light for passes that change them. */
export const UNPACK: readonly string[] = ["lift-constants", "unpack-weights"];

export const RECIPE: readonly RecipeStep[] = [
  { passes: UNPACK, untilStable: false, when: "unpacked", reason: "first: lossy passes, and normalizations to be folded, need the weights that a file holds as codes or in half precision" },
  { passes: SIMPLIFY, untilStable: true, when: "always", reason: "weights behind Constant nodes or a BatchNormalization would be missed by everything below, and nodes that go need no int8" },
  { passes: ["upgrade-opset"], untilStable: false, when: "always", reason: "scales per channel and stored forms need operator set 13; newer models stay as they are" },
  { passes: ["split-fused"], untilStable: false, when: "int8",
    reason: "what onnxruntime's optimizer put together has no int8 form as it is; before fusions, which know standard operators" },
  { passes: ["widen-half", "remove-identities"], untilStable: false, when: "int8", reason: "int8 kernels take float32, and so do statistics; casts between the two widths have nothing left to do" },
  { passes: FUSIONS, untilStable: true, when: "always", reason: "on constants that stay and at the newest operator set, and before weights are chosen and ranges measured" },
  { passes: ["prune-magnitude"], untilStable: false, when: "prune", reason: "on float weights, so that int8 scales and codebooks are fitted to the weights that stay" },
  { passes: ["equalize-channels"], untilStable: false, when: "int8Best", judgedAfter: "quantize-int8", reason: "exact on the float model; what one scale for each tensor costs shows behind int8" },
  { passes: ["smooth-activations"], untilStable: false, when: "int8Best", judgedAfter: "quantize-int8", reason: "the same for transformers, by ranges of channels" },
  { passes: ["round-weights"], untilStable: false, when: "lowBits", reason: "on the weights that stay, before they become codes: rounding to the nearest of few codes loses tens of points" },
  { passes: ["round-weights"], untilStable: false, when: "int8Rounded", judgedAfter: "quantize-int8", options: { layers: "all" }, reason: "the same at eight bits, where it gains less; weights that stay float are stored on the same grid" },
  { passes: ["quantize-int8"], untilStable: false, when: "int8", reason: "after pruning, so that ranges are measured on the network that will run" },
  { passes: ["correct-bias"], untilStable: false, when: "int8Balanced", judgedAfter: "quantize-int8", reason: "sees what all that came before has shifted, and biases are not clustered" },
  { passes: ["refit-output"], untilStable: false, when: "int8Best", judgedAfter: "quantize-int8", reason: "the last layer makes up for what is left, so it comes last" },
  { passes: ["remove-dead"], untilStable: false, when: "int8",
    reason: "the float weights that int8 replaced must not be taken for weights that stayed float, nor what led to them for readers of codes" },
  { passes: ["cluster-weights"], untilStable: false, when: "cluster", reason: "after int8, so that the codebook holds int8 codes and the kernels stay int8" },
  { passes: ["store-int8"], untilStable: false, when: "storeInt8", reason: "takes the weights that stayed float, so it needs to know which" },
  { passes: ["store-int8"], untilStable: false, when: "storedAgain", options: { again: true }, reason: "pruned weights that came as int8 would take more as floats than they did" },
  { passes: CLEAN_UP_LITE, untilStable: true, when: "always", reason: "drops the float weights that nothing uses any more, and repeated scales" },
  { passes: ["encode-weights"], untilStable: false, when: "always", reason: "last: any pass after it would see codes instead of weights" },
];
