/** Plans the passes that a caller lists, instead of the recipe or as part of it. */
import { EdgecError, suggestion } from "../errors.js";
import type { Pass } from "../passes/contract.js";
import type { Plan, Step } from "./plan-types.js";
import { type InsertedPass, isBound, isInserted, type PassList, RECIPE_WORD } from "./pass-list.js";
import type { PlanOptions } from "./plan-request.js";
import { entriesOf, PASS_GROUPS } from "./pass-names.js";
import { RECIPE, UNPACK } from "./recipe.js";
import { registered } from "./registered-pass.js";
import { findPass, isRegistered, PASSES } from "./registry.js";
import { option } from "../option-names.js";

/**
 * Throws EdgecError BAD_OPTION for an entry that is not a name, a bound pass or a pass to insert into the
 * recipe (callers in JavaScript have no compiler that checks this), and as `requireOwnNames`.
 */
export function requireEntries(list: PassList): void {
  for (const [k, entry] of list.entries()) {
    if (typeof entry === "string" || isBound(entry) || isPlaced(entry)) continue;
    throw new EdgecError(
      "BAD_OPTION",
      `passes: entry ${k + 1} is not the name of a pass, a pass with its options bound (call ` +
        "what definePass returns), { after: name, pass } or { before: name, pass }.",
    );
  }
  requireOwnNames(list);
}

/**
 * Throws EdgecError BAD_OPTION for two different passes of one name. Reports, replays and bisection tell passes
 * apart by their names.
 */
function requireOwnNames(list: PassList): void {
  const known = new Map<string, object>(PASSES.map(({ name, definition }) => [name, definition]));
  for (const entry of list) {
    if (typeof entry === "string") continue;
    const pass = isBound(entry) ? entry : entry.pass;
    const definition = pass.definition ?? pass;
    const name = typeof pass === "function" ? pass.definition.name : pass.name;
    const other = known.get(name);
    if (other === undefined || other === definition) {
      known.set(name, definition);
      continue;
    }
    throw new EdgecError(
      "BAD_OPTION",
      isRegistered(name)
        ? `passes: edgec already has a pass "${name}". Give yours another name.`
        : `passes: two different passes have the name "${name}". Rename one of them.`,
    );
  }
}

function isPlaced(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null || !("pass" in entry)) return false;
  const { pass, ...place } = entry as { pass: unknown } & Record<string, unknown>;
  const [[key, name] = [], ...others] = Object.entries(place);
  if ((key !== "after" && key !== "before") || typeof name !== "string" || others.length > 0) return false;
  return typeof pass === "function" ? "definition" in pass : isBound(pass as PassList[number]);
}

/**
 * The plan for a list of bound passes alone. Throws EdgecError BAD_OPTION for options that passes take, because
 * bound passes already have theirs.
 */
export function boundSteps(passes: readonly Pass[], { flags, shared = {}, exclude = [] }: PlanOptions): Plan {
  const given = [
    ...Object.keys(flags),
    ...Object.entries(shared)
      .filter(([, value]) => value !== undefined)
      .map(([name]) => name),
    ...(exclude.length > 0 ? ["exclude"] : []),
  ];
  if (given.length > 0) {
    throw new EdgecError(
      "BAD_OPTION",
      `passes: these passes have their options already, so "${given.join('", "')}" has no effect. ` +
        "Leave it out, or insert your passes into the recipe: " +
        'passes: ["recipe", { after: "prune-magnitude", pass }].',
    );
  }
  return passes.map((pass) => ({ passes: [pass], untilStable: false, reason: "asked for" }));
}

/**
 * One step for each entry of a list without the recipe, in the same order. Throws EdgecError UNKNOWN_PASS, and
 * BAD_OPTION for an empty list and for a pass to insert, as there is no recipe.
 */
export function listedSteps(passes: string | PassList): Step[] {
  const list = entriesOf(passes);
  if (list.length === 0)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("passes")} needs names separated by commas, such as "clean-up,prune-magnitude,encode-weights".`,
    );
  const steps = list.map((entry): Step => {
    if (isBound(entry)) return { passes: [entry], untilStable: false, reason: "asked for" };
    if (isInserted(entry)) throw misplaced();
    return {
      passes: (PASS_GROUPS.get(entry) ?? [entry]).map(findPass),
      untilStable: PASS_GROUPS.has(entry),
      reason: "asked for",
    };
  });
  // Lossy passes change dense weights only. The recipe unpacks stored weights before its first clean-up, so a
  // list with a clean-up does the same.
  const isNeeded =
    steps.some(({ untilStable }) => untilStable) && steps.some(isLossy) && !list.includes("unpack-weights");
  return isNeeded
    ? [{ passes: UNPACK.map(findPass), untilStable: false, reason: "before lossy passes" }, ...steps]
    : steps;
}

/**
 * The steps of the recipe with the caller's passes added. Throws EdgecError BAD_OPTION for a pass to insert next
 * to one that does not run with these options.
 */
export function insertedInto(recipe: readonly Step[], list: PassList): Step[] {
  const at = list.indexOf(RECIPE_WORD);
  const whole = (entries: PassList): Step[] => {
    const listed = entries.filter((entry) => !isInserted(entry));
    return listed.length === 0 ? [] : listedSteps(listed);
  };
  const middle = list
    .filter(isInserted)
    .reduce((steps: readonly Step[], entry) => withInserted(steps, entry), recipe);
  return [...whole(list.slice(0, at)), ...middle, ...whole(list.slice(at + 1))];
}

/**
 * The list without passes that are inserted next to one that does not run with `options`. For a second plan
 * that is derived from the caller's own, in which some passes do not run.
 */
export function withNeighbours(list: PassList, options: PlanOptions): PassList {
  const running = new Set(RECIPE.filter(({ when }) => when(options)).flatMap(({ passes }) => passes));
  return list.filter((entry) => {
    if (!isInserted(entry)) return true;
    const { pass } = entry;
    const isThere = running.has("after" in entry ? entry.after : entry.before);
    if (isThere) running.add(typeof pass === "function" ? pass.definition.name : pass.name);
    return isThere;
  });
}

function withInserted(steps: readonly Step[], inserted: InsertedPass): Step[] {
  const neighbour = "after" in inserted ? inserted.after : inserted.before;
  const holds = ({ passes }: Step): boolean => passes.some(({ name }) => name === neighbour);
  const at = "after" in inserted ? steps.findLastIndex(holds) : steps.findIndex(holds);
  if (at < 0) {
    const names = steps.flatMap(({ passes }) => passes.map(({ name }) => name));
    throw new EdgecError(
      "BAD_OPTION",
      `passes: the pass "${neighbour}" does not run with these options, so nothing can be ` +
        `inserted next to it.${suggestion(neighbour, names)} These passes run: ` +
        `${[...new Set(names)].join(", ")}.`,
    );
  }
  const { pass } = inserted;
  const step: Step = {
    passes: [typeof pass === "function" ? registered(pass) : pass],
    untilStable: false,
    reason: "inserted by the caller",
  };
  const place = "after" in inserted ? at + 1 : at;
  return [...steps.slice(0, place), step, ...steps.slice(place)];
}

function isLossy({ passes }: Pick<Step, "passes">): boolean {
  return passes.some(({ lossy }) => lossy);
}

function misplaced(): EdgecError {
  return new EdgecError(
    "BAD_OPTION",
    "passes: { after } and { before } insert a pass into the recipe, but the list does " +
      'not contain "recipe". Add it.',
  );
}
