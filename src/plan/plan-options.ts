/** From the options of `compress` to those of the plan. */
import { EdgecError, suggestion } from "../errors.js";
import { oldestRuntime } from "../ops/runtime-versions.js";
import type { CompressOptions } from "./compress-options.js";
import { readDecisions } from "./replay.js";
import { accuracyLimits } from "./gate-limits.js";
import { resolveTarget } from "../targets/index.js";
import {
  encodes,
  int8Options,
  isTimed,
  otherDevice,
  type PlacedOptions,
  unfoldedForms,
} from "./target-options.js";
import { withNeighbours } from "./caller-passes.js";
import { replacesRecipe } from "./pass-list.js";
import { type Effort, EFFORTS, type PlanOptions } from "./plan-request.js";
import { option } from "../option-names.js";

const STORAGE_FORMS: readonly string[] = ["auto", "plain", "int8"];

/** Throws EdgecError BAD_OPTION for options that contradict each other, and as `resolveTarget`. */
export function planOptions(options: PlacedOptions): PlanOptions {
  const { storage = options.flags?.storage, exclude, passes, calibrator, perChannel, weightBits } = options;
  if (storage !== undefined && !STORAGE_FORMS.includes(storage))
    throw new EdgecError(
      "BAD_OPTION",
      `${option("storage")} must be auto, plain or int8, not "${storage}".${suggestion(storage, STORAGE_FORMS)}`,
    );
  const storeOnly = storage === "int8";
  const { profile } = resolveTarget(options.target);
  const unfolded = unfoldedForms(options, profile);
  const flags = passFlags(
    storage === undefined && unfolded === "all" ? { ...options, storage: "plain" } : options,
  );
  if (storeOnly) {
    if (flags.int8 !== undefined)
      throw new EdgecError(
        "BAD_OPTION",
        `${option("int8")} computes in int8, while ${option("storage", "int8")} only stores weights ` +
          "as int8. Give one of them.",
      );
    if (replacesRecipe(passes))
      throw new EdgecError(
        "BAD_OPTION",
        `${option("storage", "int8")} stands for the pass "store-int8". ` +
          `With ${option("passes")}, name that pass instead.`,
      );
    delete flags.storage;
  }
  refuseUnboundedPruning(options, flags);
  return {
    flags,
    storeOnly,
    ...keptInt8(options, flags),
    ...deviceOf(options),
    effort: effortOf(options, flags),
    ...searchOptions(options, flags),
    ...replayOptions(options, flags),
    shared: {
      calibrator,
      perChannel,
      weightBits,
      ...int8Options(options, profile),
      ...(unfolded === "functions" ? { functions: false } : storageShape(options)),
    },
    ...(exclude === undefined ? {} : { exclude }),
    ...(passes === undefined ? {} : { passes }),
  };
}

/**
 * Throws EdgecError BAD_OPTION where nothing computes in int8, or where the passes are named, which are never
 * replaced.
 */
function keptInt8(
  { keepInt8, passes }: CompressOptions,
  flags: Readonly<Record<string, string>>,
): Pick<PlanOptions, "keepInt8"> {
  if (keepInt8 !== true) return {};
  if (replacesRecipe(passes))
    throw new EdgecError(
      "BAD_OPTION",
      `${option("keepInt8")} has no effect with ${option("passes")}, which run exactly as listed. Leave it out.`,
    );
  if (flags.int8 === undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("keepInt8")} keeps the int8 arithmetic that ${option("int8")} introduces, but ` +
        `${option("int8")} is not given. Add ${option("int8")}.`,
    );
  return { keepInt8 };
}

/** What int8 costs on the device decides nothing where int8 is kept. */
function deviceOf(options: PlacedOptions): Pick<PlanOptions, "device"> {
  const device = options.keepInt8 === true ? undefined : otherDevice(options);
  return device ? { device } : {};
}

/** Throws EdgecError BAD_OPTION for a time budget where nothing is searched. */
function searchOptions(
  options: PlacedOptions,
  flags: Readonly<Record<string, string>>,
): Pick<PlanOptions, "hasAccuracyGates" | "isTimed" | "timeBudget" | "floor"> {
  const { timeBudget, passes, effort, floor, replay } = options;
  if (timeBudget !== undefined && replay !== undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("timeBudget")} limits a search, but ${option("replay")} repeats decisions without searching. ` +
        "Leave one of them out.",
    );
  const searches = flags.int8 !== undefined && !replacesRecipe(passes);
  if (floor === false && !searches)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("floor", false)} lets ${option("int8")} lose accuracy, but these options plan no int8. Leave it out.`,
    );
  const hasAccuracyGates = searches && Object.keys(accuracyLimits(options)).length > 0;
  if (timeBudget !== undefined && !(hasAccuracyGates || (searches && effort === "best"))) {
    throw new EdgecError(
      "BAD_OPTION",
      `${option("timeBudget")} limits the search for nodes to leave in float, but these options start ` +
        `no search. Use it with ${option("int8")} and one of ${option("effort", "best")}, ${option("maxDrop")}, ` +
        `${option("minSqnr")} and ${option("minAgreement")}.`,
    );
  }
  if (timeBudget !== undefined && !(timeBudget > 0))
    throw new EdgecError("BAD_OPTION", `${option("timeBudget")} must be positive, not ${timeBudget} s.`);
  return {
    hasAccuracyGates,
    isTimed: searches && options.keepInt8 !== true && isTimed(options),
    ...(timeBudget === undefined ? {} : { timeBudget }),
    ...(floor === undefined ? {} : { floor }),
  };
}

/**
 * Throws as `readDecisions`, and EdgecError BAD_OPTION where there is nothing to repeat, or what is asked for
 * contradicts it.
 */
function replayOptions(
  { replay, passes, keepInt8 }: CompressOptions,
  flags: Readonly<Record<string, string>>,
): Pick<PlanOptions, "replay"> {
  if (replay === undefined) return {};
  if (flags.int8 === undefined || replacesRecipe(passes))
    throw new EdgecError(
      "BAD_OPTION",
      `${option("replay")} repeats decisions about ${option("int8")}, but ${option("int8")} is not given. ` +
        "Use the options of the run that wrote the report.",
    );
  const decisions = readDecisions(replay);
  if (keepInt8 === true && decisions.storedOnly) {
    throw new EdgecError(
      "BAD_OPTION",
      `${option("keepInt8")} contradicts ${option("replay")}: the run that wrote the report stored weights as ` +
        "int8 but computed in float. Leave one of them out.",
    );
  }
  return { replay: decisions };
}

/**
 * Throws EdgecError BAD_OPTION for a level that does not exist, and for one where nothing runs that it says
 * anything about.
 */
function effortOf({ effort, passes }: CompressOptions, flags: Readonly<Record<string, string>>): Effort {
  if (effort === undefined) return "balanced";
  if (!EFFORTS.includes(effort))
    throw new EdgecError(
      "BAD_OPTION",
      `${option("effort")} must be one of ${EFFORTS.join(", ")}, not ` +
        `"${effort as string}".${suggestion(effort, EFFORTS)}`,
    );
  if (flags.int8 === undefined || replacesRecipe(passes))
    throw new EdgecError(
      "BAD_OPTION",
      `${option("effort")} only affects the accuracy of ${option("int8")}, so it has no effect here. Leave it out.`,
    );
  return effort;
}

/** Chains stay outside functions for a runtime that would not fold them there. */
function storageShape({ minOrt, passes }: CompressOptions): { functions?: false } {
  if (minOrt === undefined || oldestRuntime(minOrt).foldsFunctions) return {};
  return encodes(passes) ? { functions: false } : {};
}

function passFlags({ prune, int8, cluster, storage, flags }: CompressOptions): Record<string, string> {
  return {
    ...flags,
    ...(prune === undefined ? {} : { prune: String(prune) }),
    ...(int8 === true ? { int8: "" } : {}),
    ...(cluster === undefined ? {} : { cluster: String(cluster) }),
    ...(storage === undefined ? {} : { storage }),
  };
}

/**
 * The fallback plan: int8 storage, float arithmetic. Undefined if the plan computes nothing in int8, if the
 * user named the passes, or for plain storage.
 */
export function storeOnlyOptions(plan: PlanOptions): PlanOptions | undefined {
  if (plan.flags.int8 === undefined || replacesRecipe(plan.passes) || plan.flags.storage === "plain")
    return undefined;
  const flags = Object.fromEntries(Object.entries(plan.flags).filter(([name]) => name !== "int8"));
  const functions = plan.shared?.functions;
  const stored = {
    flags,
    storeOnly: true,
    ...(functions === undefined ? {} : { shared: { functions } }),
    ...(plan.exclude === undefined ? {} : { exclude: plan.exclude }),
  };
  // Here the recipe with passes of the caller's in it.
  return typeof plan.passes === "object"
    ? { ...stored, passes: withNeighbours(plan.passes, { ...stored, passes: plan.passes }) }
    : stored;
}

/** Throws EdgecError BAD_OPTION for pruning up to the gates where there are none, or where the passes are named. */
function refuseUnboundedPruning(options: PlacedOptions, { prune }: Readonly<Record<string, string>>): void {
  if (prune !== "auto") return;
  if (replacesRecipe(options.passes))
    throw new EdgecError(
      "BAD_OPTION",
      `${option("prune", "auto")} works only with the recipe. Leave ${option("passes")} out, or give a ratio.`,
    );
  if (Object.keys(accuracyLimits(options)).length > 0) return;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("prune", "auto")} prunes as much as the accuracy gates allow, but no such gate is set. ` +
      `Give ${option("maxDrop")}, ${option("minSqnr")} or ${option("minAgreement")}.`,
  );
}
