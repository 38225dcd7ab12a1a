/** From what the user asked for to the passes that will run, in order, with their options bound. */
import type { Model } from "../ir/index.js";
import { bindPass } from "./bind-pass.js";
import { boundSteps, insertedInto, listedSteps, requireEntries } from "./caller-passes.js";
import { Exclusions } from "./exclusions.js";
import { refuseIdleOptions } from "./idle-options.js";
import { isBound, listsRecipe } from "./pass-list.js";
import type { PlanOptions } from "./plan-request.js";
import type { Plan, Step } from "./plan-types.js";
import { OPTIONS_FROM_PLAN, RECIPE } from "./recipe.js";
import { findPass } from "./registry.js";
import type { RegisteredPass } from "./registered-pass.js";
import { replayed } from "./replayed-plan.js";

/**
 * Throws EdgecError UNKNOWN_PASS, BAD_OPTION for a value out of range, for a flag whose pass does not run,
 * and for a shared option that no planned pass takes. An exclusion that matches nothing in `model` nor in
 * what the exact steps make of it is an error, UNMATCHED_SELECTOR, of the first pass that takes exclusions,
 * or thrown here where none does.
 */
export function planPasses(model: Model, options: PlanOptions): Plan {
  const excluded = new Exclusions(model, options.exclude ?? []);
  const { passes } = options;
  if (typeof passes === "object") requireEntries(passes);
  if (typeof passes === "object" && passes.length > 0 && passes.every(isBound))
    return boundSteps(passes, options);
  const steps = stepsOf(options);
  const registered = new Set(steps.flatMap((step) => step.passes.filter((pass) => "bind" in pass)));
  refuseIdleOptions(options, registered, excluded);
  const plan = steps.map(({ passes: unbound, options: own, ...step }) => ({
    ...step,
    passes: unbound.map((pass) =>
      "bind" in pass ? bindPass(pass, withPlanOptions(pass, own, options), excluded) : pass,
    ),
  }));
  return options.replay ? replayed(plan, options.replay) : plan;
}

function stepsOf(options: PlanOptions): Step[] {
  const { passes } = options;
  if (passes === undefined) return recipeSteps(options);
  return typeof passes === "object" && listsRecipe(passes)
    ? insertedInto(recipeSteps(options), passes)
    : listedSteps(passes);
}

function recipeSteps(options: PlanOptions): Step[] {
  return RECIPE.filter(({ when }) => when(options)).map(
    ({ passes, untilStable = false, reason, validateAfter, withinGates, options: own, search }) => {
      const aims = search?.(options);
      return {
        passes: passes.map(findPass),
        untilStable,
        reason,
        ...(validateAfter === undefined ? {} : { validateAfter }),
        ...(withinGates?.(options) === true ? { withinGates: true as const } : {}),
        ...(own ? { options: own } : {}),
        ...(aims ? { search: aims } : {}),
      };
    },
  );
}

/** The options with those that the pass takes from the step and from the rest of the plan. */
function withPlanOptions(
  { name }: RegisteredPass,
  own: Readonly<Record<string, unknown>> | undefined,
  options: PlanOptions,
): PlanOptions {
  const more = { ...own, ...OPTIONS_FROM_PLAN[name]?.(options) };
  return Object.keys(more).length === 0 ? options : { ...options, shared: { ...options.shared, ...more } };
}

/** "clean-up, then prune-magnitude, quantize-int8, …" in one line. */
export function planText(plan: Plan): string {
  return plan
    .map((step) => {
      const names = step.passes.map((pass) => pass.name).join(", ");
      return step.untilStable ? `(${names}) until stable` : names;
    })
    .join(" → ");
}

/** The same plan without one pass. */
export function withoutPass(plan: Plan, name: string): Plan {
  return plan.map((step) => ({ ...step, passes: step.passes.filter((pass) => pass.name !== name) }));
}
