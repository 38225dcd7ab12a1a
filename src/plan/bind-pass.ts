/**
 * Binds a pass to its flag, the shared options and what is excluded; and later to what a search has chosen.
 */
import type { Model } from "../ir/index.js";
import type { Pass } from "../passes/contract.js";
import type { Exclusions } from "./exclusions.js";
import type { PlanOptions } from "./plan-request.js";
import { flagKey, type RegisteredPass } from "./registered-pass.js";
import type { NodeForms } from "./replay.js";

/**
 * Binds a pass to its flag and the shared options. Exclusions are resolved again when it runs: earlier passes
 * add, split and remove nodes, and a pass refuses names that its model does not have.
 */
export function bindPass(pass: RegisteredPass, { flags, shared }: PlanOptions, excluded: Exclusions): Pass {
  const text = pass.flag && flags[flagKey(pass.flag)];
  const own = Object.fromEntries(
    Object.entries(shared ?? {}).filter(([name, value]) => name in pass.defaults && value !== undefined),
  );
  const options = { ...own, ...(text === undefined ? {} : pass.flag?.parse(text)) };
  const bound = pass.bind(options);
  return takesExclusions(pass)
    ? withSelections(pass, bound, options, { excluded, floatNodes: [], dynamic: [] })
    : bound;
}

/** The selections that a pass gets when it runs. */
interface Selections {
  /** What the user left out. */
  readonly excluded: Exclusions;
  /** Nodes to leave in float, as named in the model that the pass receives. */
  readonly floatNodes: readonly string[];
  readonly dynamic: readonly string[];
}

function withSelections(
  pass: RegisteredPass,
  bound: Pass,
  options: Readonly<Record<string, unknown>>,
  selections: Selections,
): Pass {
  const { excluded, floatNodes, dynamic } = selections;
  const { forms } = pass;
  // The report shows the exclusions as the user wrote them.
  const shown = [...excluded.selectors, ...floatNodes];
  const selecting = (model: Model): Pass =>
    shown.length + dynamic.length === 0
      ? bound
      : pass.bind({
          ...options,
          exclude: [...excluded.in(model), ...floatNodes],
          ...(forms.float === undefined ? {} : { [forms.float]: floatNodes }),
          ...(forms.dynamic === undefined || dynamic.length === 0 ? {} : { [forms.dynamic]: dynamic }),
        });
  const more = (added: Partial<Selections>): Pass =>
    withSelections(pass, bound, options, { ...selections, ...added });
  return {
    ...bound,
    options: {
      ...bound.options,
      ...(shown.length > 0 ? { exclude: shown } : {}),
      ...(forms.dynamic === undefined || dynamic.length === 0 ? {} : { [forms.dynamic]: dynamic }),
    },
    statistics: (model) => selecting(model).statistics(model),
    run: (model, context) => selecting(model).run(model, context),
    ...(bound.strength
      ? {
          withStrength: (value: number) => {
            const turned = { ...options, [bound.strength!.option]: value };
            return withSelections(pass, pass.bind(turned), turned, selections);
          },
        }
      : {}),
    excluding: (names) => more({ floatNodes: [...floatNodes, ...names] }),
    ...(forms.dynamic !== undefined
      ? { atRunTime: (names: readonly string[]) => more({ dynamic: [...dynamic, ...names] }) }
      : {}),
  };
}

/** Whether the pass honours the user's exclusions. */
export function takesExclusions({ lossy, defaults }: RegisteredPass): boolean {
  return lossy && "exclude" in defaults;
}

/**
 * The passes with the forms of nodes that a search has chosen; the same array if no pass is affected. A pass
 * also requests the statistics it would without these forms: the set requested affects rounding, so a search
 * and its replay must request the same.
 * @param isSearched which pass the search was about
 */
export function withNodeForms(
  passes: readonly Pass[],
  { floatNodes, dynamicNodes }: NodeForms,
  isSearched = (pass: Pass): boolean => pass.isSearched === true,
): readonly Pass[] {
  const formed = passes.map((pass) => {
    if (!isSearched(pass)) return pass;
    const left = floatNodes.length > 0 ? (pass.excluding?.(floatNodes) ?? pass) : pass;
    const chosen = dynamicNodes.length > 0 ? (left.atRunTime?.(dynamicNodes) ?? left) : left;
    return chosen === pass
      ? pass
      : { ...chosen, statistics: (model: Model) => [...pass.statistics(model), ...chosen.statistics(model)] };
  });
  return formed.some((pass, k) => pass !== passes[k]) ? formed : passes;
}
