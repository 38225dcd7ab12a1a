/** A plan that repeats what an earlier run has decided. */
import { EdgecError } from "../errors.js";
import type { Pass } from "../passes/contract.js";
import { withNodeForms } from "./bind-pass.js";
import type { Plan } from "./plan-types.js";
import { type Decisions, type NodeForms, requireNodes } from "./replay.js";
import { needsHoldout } from "./search-aims.js";
import { option } from "../option-names.js";

/**
 * Steps that were kept run without a trial, steps that were undone are left out, and the same nodes stay in
 * float. Throws EdgecError BAD_OPTION if a step that was kept is not planned.
 */
export function replayed(plan: Plan, { kept, judged, strengths = {}, ...forms }: Decisions): Plan {
  const planned = new Set(
    plan.flatMap(({ validateAfter, passes }) =>
      validateAfter === undefined ? [] : passes.map(({ name }) => name),
    ),
  );
  const missing = kept.filter((name) => !planned.has(name));
  if (missing.length > 0)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("replay")}: the run that wrote the report kept "${missing.join('", "')}", which these ` +
        `options do not try. Use the options of that run, especially ${option("effort")}.`,
    );
  return plan
    .filter(
      ({ validateAfter, passes }) =>
        validateAfter === undefined || passes.every(({ name }) => kept.includes(name)),
    )
    .map(({ validateAfter, search, withinGates, ...step }) => {
      const strong = withinGates ? step.passes.flatMap((pass) => atStrength(pass, strengths)) : step.passes;
      const passes = withNodeForms(strong, forms);
      const isFormed = passes !== strong;
      // Reports of earlier versions do not say whether samples were held out: it has to be guessed from
      // what was decided.
      const seemsJudged =
        step.wasJudged === true || validateAfter !== undefined || (search ? needsHoldout(search) : isFormed);
      return {
        ...step,
        wasJudged: judged ?? seemsJudged,
        passes: isFormed ? passes.map((pass) => requiringNodes(pass, forms)) : passes,
      };
    });
}

/**
 * The pass, which refuses a model without the nodes that were decided on: otherwise the new report would
 * repeat decisions that were not applied.
 */
function requiringNodes(pass: Pass, forms: NodeForms): Pass {
  if (pass.isSearched !== true) return pass;
  return {
    ...pass,
    statistics: (model) => {
      requireNodes(model, forms);
      return pass.statistics(model);
    },
    run: (model, context) => {
      requireNodes(model, forms);
      return pass.run(model, context);
    },
  };
}

/** The pass as strong as it was; none where it did not run. Throws EdgecError BAD_OPTION where that was not decided. */
function atStrength(pass: Pass, strengths: Readonly<Record<string, number | null>>): Pass[] {
  if (!pass.withStrength) return [pass];
  const value = strengths[pass.name];
  if (value === undefined)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("replay")}: the run that wrote the report did not choose a strength for ` +
        `"${pass.name}". Use the options of that run.`,
    );
  return value === null ? [] : [pass.withStrength(value)];
}
