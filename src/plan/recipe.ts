/** The order in which passes run, as data, with the reason for each place. */
import { CLEAN_UP_PASSES, OPTIMIZE_PASSES } from "../passes/graph/clean-up.js";
import { FUSION_PASSES } from "../passes/graph/fusion-passes.js";

import { insertsLossy } from "./pass-list.js";
import type { PlanOptions } from "./plan-request.js";
import { searchAims, type SearchAims } from "./search-aims.js";

interface RecipeStep {
  /** Passes that run together, by name. */
  readonly passes: readonly string[];
  /** Runs the passes again until none of them changes the model. */
  readonly untilStable?: boolean;
  /** Whether the step takes part in a run with these options. */
  readonly when: (options: PlanOptions) => boolean;
  /** Why it stands where it stands. */
  readonly reason: string;
  /**
   * The step runs on trial: it is undone unless it brings the outputs on held-out samples nearer to those of
   * the model before lossy passes, judged after the pass named here. Left out without such samples.
   */
  readonly validateAfter?: string;
  /**
   * The step costs accuracy and buys size or time: its last pass runs as strongly as the gates on accuracy allow,
   * judged on the finished model. Where not even the weakest holds, it does not run.
   */
  readonly withinGates?: (options: PlanOptions) => boolean;
  /** Options that the passes get here and not elsewhere. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** What is searched for the last pass before it runs: which nodes it leaves in float. */
  readonly search?: (options: PlanOptions) => SearchAims | undefined;
}

/**
 * Exact passes that the others need: all weights as initializers of nodes that stay. One removal enables
 * another.
 */
export const CLEAN_UP: readonly string[] = CLEAN_UP_PASSES.map(({ pass }) => pass.definition.name);

/** The clean-up with the passes on structure, in the order in which they run. */
const SIMPLIFY: readonly string[] = [...CLEAN_UP, ...OPTIMIZE_PASSES.map(({ pass }) => pass.definition.name)];

/** The fusions that pruning and quantization gain from. */
const FUSIONS: readonly string[] = FUSION_PASSES.filter(({ inEveryRecipe }) => inEveryRecipe).map(
  ({ pass }) => pass.definition.name,
);

/** What `edgec optimize` runs: all that changes results by no more than rounding. */
export const OPTIMIZE: readonly string[] = [
  ...SIMPLIFY,
  ...FUSION_PASSES.map(({ pass }) => pass.definition.name),
];

/**
 * Cleans up after lossy passes. Nothing here folds constants: that would undo stored forms.
 */
export const CLEAN_UP_LITE: readonly string[] = [
  "remove-dead",
  "deduplicate-initializers",
  "strip-debug-info",
];

/** What brings weights to light for passes that change them. */
export const UNPACK: readonly string[] = ["lift-constants", "unpack-weights"];

/** What compressing does to every model before the lossy passes. */
export const PREPARATION: readonly string[] = [...UNPACK, ...CLEAN_UP, "upgrade-opset", "split-fused"];

const always = (): boolean => true;
const wantsPruning = ({ flags }: PlanOptions): boolean => flags.prune !== undefined;
const wantsClusters = ({ flags }: PlanOptions): boolean => flags.cluster !== undefined;
const wantsInt8 = ({ flags }: PlanOptions): boolean => flags.int8 !== undefined;
const wantsRecovery = (options: PlanOptions): boolean =>
  wantsInt8(options) && (options.effort ?? "fast") !== "fast";
const wantsBest = (options: PlanOptions): boolean => wantsInt8(options) && options.effort === "best";
const hasLowBits = ({ shared }: PlanOptions): boolean =>
  typeof shared?.weightBits === "number" && shared.weightBits < 8;
// With one scale per tensor, per-row codes would be rounded again to that scale.
const wantsLowBits = (options: PlanOptions): boolean =>
  wantsInt8(options) && options.shared?.perChannel !== false && hasLowBits(options);
const wantsRounding = (options: PlanOptions): boolean =>
  wantsBest(options) &&
  options.shared?.perChannel !== false &&
  !hasLowBits(options) &&
  options.plainFloat !== true;
/**
 * Scales per channel would tear a codebook apart, so clustered weights stay as they are; and plain storage
 * is dense.
 */
const leavesRoomForCodes = (options: PlanOptions): boolean =>
  !wantsClusters(options) && options.flags.storage !== "plain";
const wantsInt8Storage = (options: PlanOptions): boolean =>
  (wantsInt8(options) || options.storeOnly === true) &&
  leavesRoomForCodes(options) &&
  options.plainFloat !== true;
const wantsStoredAgain = (options: PlanOptions): boolean =>
  wantsPruning(options) && !wantsInt8(options) && options.storeOnly !== true && leavesRoomForCodes(options);
/**
 * Plain storage asks for dense constants, and chains in functions are written out for runtimes that fold
 * none there.
 */
const wantsUnpacked = (options: PlanOptions): boolean =>
  wantsInt8(options) ||
  options.storeOnly === true ||
  wantsPruning(options) ||
  wantsClusters(options) ||
  options.flags.storage === "plain" ||
  options.shared?.functions === false ||
  insertsLossy(options.passes);

export const RECIPE: readonly RecipeStep[] = [
  {
    passes: UNPACK,
    when: wantsUnpacked,
    reason:
      "first: lossy passes and the folding of normalizations need plain weights, not codes " +
      "or half precision",
  },
  {
    passes: SIMPLIFY,
    untilStable: true,
    when: always,
    reason:
      "later passes would miss weights behind Constant nodes or a BatchNormalization, and " +
      "removed nodes need no int8",
  },
  {
    passes: ["upgrade-opset"],
    when: always,
    reason: "scales per channel and stored forms need operator set 13; newer models are not changed",
  },
  {
    passes: ["split-fused"],
    when: wantsInt8,
    reason:
      "nodes that onnxruntime's optimizer fused have no int8 form; runs before fusions, " +
      "which match standard operators",
  },
  {
    passes: ["widen-half", "remove-identities"],
    when: wantsInt8,
    reason: "int8 kernels and statistics need float32; casts between the two widths become unnecessary",
  },
  {
    passes: FUSIONS,
    untilStable: true,
    when: always,
    reason: "before weights are chosen and ranges are measured, on the final constants and operator set",
  },
  {
    passes: ["prune-magnitude"],
    when: wantsPruning,
    withinGates: ({ flags }) => flags.prune === "auto",
    reason: "on float weights, so that int8 scales and codebooks are fitted to the remaining weights",
  },
  {
    passes: ["equalize-channels"],
    when: wantsBest,
    validateAfter: "quantize-int8",
    reason: "exact on the float model; its benefit for scales per tensor shows only after int8",
  },
  {
    passes: ["smooth-activations"],
    when: wantsBest,
    validateAfter: "quantize-int8",
    reason: "the same for transformers, by ranges of channels",
  },
  {
    passes: ["round-weights"],
    when: wantsLowBits,
    reason:
      "on the remaining weights, before they become codes: rounding to the nearest of few " +
      "codes loses tens of points",
  },
  {
    passes: ["round-weights"],
    when: wantsRounding,
    validateAfter: "quantize-int8",
    options: { layers: "all" },
    reason:
      "the same at eight bits, where it gains less; weights that stay in float are stored on the same grid",
  },
  {
    passes: ["quantize-int8"],
    when: wantsInt8,
    search: searchAims,
    reason: "after pruning, so that ranges are measured on the network that will run",
  },
  {
    passes: ["correct-bias"],
    when: wantsRecovery,
    validateAfter: "quantize-int8",
    reason: "corrects what all earlier passes have shifted; biases are not clustered",
  },
  {
    passes: ["refit-output"],
    when: wantsBest,
    validateAfter: "quantize-int8",
    reason: "last, because the last layer compensates for the remaining error",
  },
  {
    passes: ["remove-dead"],
    when: wantsInt8,
    reason:
      "removes the float weights that int8 replaced, so that later passes do not mistake " +
      "them for weights in use",
  },
  {
    passes: ["cluster-weights"],
    when: wantsClusters,
    reason: "after int8, so that the codebook holds int8 codes and the kernels stay int8",
  },
  {
    passes: ["store-int8"],
    when: wantsInt8Storage,
    reason: "stores the weights that stayed in float, so it must run after that is decided",
  },
  {
    passes: ["store-int8"],
    when: wantsStoredAgain,
    options: { again: true },
    reason: "pruned weights that arrived as int8 would take more space as floats",
  },
  {
    passes: CLEAN_UP_LITE,
    untilStable: true,
    when: always,
    reason: "removes float weights that nothing uses any more, and repeated scales",
  },
  {
    passes: ["encode-weights"],
    when: always,
    reason: "last: any pass after it would see codes instead of weights",
  },
];

/** Options that a pass gets from the rest of the plan, wherever it runs, by the pass's name. */
export const OPTIONS_FROM_PLAN: Readonly<
  Record<string, (options: PlanOptions) => Readonly<Record<string, unknown>>>
> = {
  // Weights that are stored at eight bits although fewer were asked for are reported.
  "store-int8": ({ shared }) =>
    typeof shared?.weightBits === "number" ? { askedBits: shared.weightBits } : {},
  // Where weights that int8 does not compute with stay plain floats, they are not decoded from codes either.
  "quantize-int8": ({ flags, plainFloat }) =>
    flags.storage === "plain" || plainFloat === true ? { oneCopy: false } : {},
};
