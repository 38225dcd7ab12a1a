/** Random lists of passes: whole recipes, the clean-up, and single passes in any order with any options. */
import type { Model } from "../../src/ir/index.js";
import { CLEAN_UP } from "../../src/plan/recipe.js";
import { planPasses } from "../../src/plan/plan.js";
import { findPass, PASSES } from "../../src/plan/registry.js";
import type { Random } from "../support/random.js";
import type { Plan } from "../../src/plan/plan-types.js";

/**
 * One pass with its options, or several that run until none changes anything. Plain data, so that it can be
 * printed.
 */
export interface FuzzStep {
  readonly passes: readonly { readonly name: string; readonly options: Readonly<Record<string, unknown>> }[];
  readonly untilStable: boolean;
}

export interface FuzzPlan {
  readonly steps: readonly FuzzStep[];
  /** With samples to learn from. */
  readonly withData: boolean;
}

/** The options of each pass that are worth varying. */
const OPTIONS: Readonly<Record<string, (random: Random) => Record<string, unknown>>> = {
  "lift-constants": (random) => ({ freezeDefaults: random.chance(0.5) }),
  "fold-constants": (random) => ({ maxGrowthBytes: random.pick([0, 64, 65_536]) }),
  "upgrade-opset": (random) => ({ target: random.within(13, 26) }),
  "prune-magnitude": (random) => ({
    amount: random.pick([0.1, 0.5, 0.9, "2:4", "1:4"]),
    scope: random.pick(["global", "layer"]),
    protectEnds: random.chance(0.3),
    protectDepthwise: random.chance(0.5),
  }),
  "round-weights": (random) => ({
    weightBits: random.pick([2, 4, 8]),
    layers: random.pick(["int8", "all"]),
    saturation: random.pick(["guard", "ignore"]),
  }),
  "quantize-int8": (random) => ({
    calibrator: random.pick(["minmax", "percentile", "entropy", "mse"]),
    saturation: random.pick(["guard", "ignore"]),
    weightBits: random.pick([4, 8, 8]),
  }),
  "cluster-weights": (random) => ({
    k: random.pick([2, 4, 16]),
    granularity: random.pick(["tensor", "channel"]),
  }),
  "store-int8": (random) => ({ minBytes: random.pick([0, 64, 1024]) }),
  "encode-weights": (random) => ({
    minBytes: random.pick([0, 16, 256]),
    minSaving: random.pick([0, 0.02]),
    functions: random.chance(0.5),
  }),
};

export function randomPlan(model: Model, random: Random): FuzzPlan {
  const kind = random.pick(["recipe", "exact", "any"] as const);
  const steps =
    kind === "recipe" ? recipe(model, random) : kind === "exact" ? exactPasses(random) : anyPasses(random);
  // Measuring starts a process, which takes longer than all else.
  const learns = steps.some(({ passes }) => passes.some(({ name }) => LEARNING.includes(name)));
  return { steps, withData: random.chance(learns ? 0.4 : 0.02) };
}

const LEARNING: readonly string[] = ["quantize-int8", "round-weights", "prune-magnitude", "cluster-weights"];
const CLEAN_UP_STEP: FuzzStep = {
  passes: CLEAN_UP.map((name) => ({ name, options: {} })),
  untilStable: true,
};

/** Only these can be held to equality. */
function exactPasses(random: Random): FuzzStep[] {
  const names = PASSES.filter(({ lossy }) => !lossy).map(({ name }) => name);
  const some = Array.from({ length: random.within(1, 5) }, () => single(random.pick(names), random));
  return random.shuffled([...(random.chance(0.6) ? [CLEAN_UP_STEP] : []), ...some]);
}

function anyPasses(random: Random): FuzzStep[] {
  const first = [
    ...(random.chance(0.7) ? [CLEAN_UP_STEP] : []),
    ...(random.chance(0.7) ? [single("upgrade-opset", random)] : []),
  ];
  const rest = Array.from({ length: random.within(1, 4) }, () => single(random.pick(PASSES).name, random));
  return [...first, ...rest, ...(random.chance(0.4) ? [single("encode-weights", random)] : [])];
}

function single(name: string, random: Random): FuzzStep {
  return {
    passes: [{ name, options: random.chance(0.7) ? (OPTIONS[name]?.(random) ?? {}) : {} }],
    untilStable: false,
  };
}

function recipe(model: Model, random: Random): FuzzStep[] {
  const flags = {
    ...(random.chance(0.4) ? { prune: random.pick(["0.3", "0.9", "2:4"]) } : {}),
    ...(random.chance(0.4) ? { cluster: random.pick(["4", "16"]) } : {}),
    ...(random.chance(0.6) ? { int8: "" } : {}),
  };
  const plan = planPasses(model, { flags, storeOnly: !("int8" in flags) && random.chance(0.3) });
  return plan.map(({ passes, untilStable }) => ({
    passes: passes.map(({ name, options }) => ({ name, options })),
    untilStable,
  }));
}

export function boundPlan({ steps }: FuzzPlan): Plan {
  return steps.map(({ passes, untilStable }) => ({
    passes: passes.map(({ name, options }) => findPass(name).bind(options)),
    untilStable,
    reason: "fuzz",
  }));
}

export function isLossy({ steps }: FuzzPlan): boolean {
  return steps.some(({ passes }) => passes.some(({ name }) => findPass(name).lossy));
}

/** "(remove-dead, lift-constants) until stable; encode-weights {"minBytes":0}". */
export function planLine({ steps, withData }: FuzzPlan): string {
  const lines = steps.map(({ passes, untilStable }) => {
    const names = passes.map(({ name, options }) =>
      Object.keys(options).length === 0 || untilStable ? name : `${name} ${JSON.stringify(options)}`,
    );
    return untilStable ? `(${names.join(", ")}) until stable` : names.join(", ");
  });
  return lines.join("; ") + (withData ? "; with calibration data" : "");
}
