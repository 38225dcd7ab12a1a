/** Passes that a caller names or brings: in place of the recipe, or put into it. */
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
 * Throws EdgecError BAD_OPTION for an entry that is neither a name, a pass with its options bound, nor a pass
 * to be put into the recipe: callers in JavaScript have no compiler that checks this.
 */
export function requireEntries(list: PassList): void {
  for (const [k, entry] of list.entries()) {
    if (typeof entry === "string" || isBound(entry) || isPlaced(entry)) continue;
    throw new EdgecError(
      "BAD_OPTION",
      `passes: entry ${k + 1} is neither the name of a pass, nor a pass with its options ` +
        "bound (call what definePass returns), nor { after: name, pass } or { before: name, " +
        "pass }.",
    );
  }
  requireOwnNames(list);
}

/**
 * Throws EdgecError BAD_OPTION for a pass that has the name of another: reports, replays and what is left out
 * go by names.
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
        ? `passes: edgec has a pass "${name}" of its own. Give yours another name.`
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
 * Only passes of a caller's own making, which carry their options. Throws EdgecError BAD_OPTION if other
 * options are given as well.
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
      `these passes carry their own options, so "${given.join('", "')}" would have no ` +
        'effect. Leave it out, or insert your passes into the recipe: passes: ["recipe", { ' +
        'after: "prune-magnitude", pass }].',
    );
  }
  return passes.map((pass) => ({ passes: [pass], untilStable: false, reason: "asked for" }));
}

/**
 * The passes in the order in which they are listed. Throws EdgecError UNKNOWN_PASS, and BAD_OPTION for an
 * empty list.
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
  // A clean-up before lossy passes brings the weights to light that they are asked to change, as the recipe
  // does.
  const isNeeded =
    steps.some(({ untilStable }) => untilStable) && steps.some(isLossy) && !list.includes("unpack-weights");
  return isNeeded
    ? [{ passes: UNPACK.map(findPass), untilStable: false, reason: "before lossy passes" }, ...steps]
    : steps;
}

/**
 * The recipe's steps with the caller's passes among them. Throws EdgecError BAD_OPTION if a neighbour
 * that the list names does not run with these options.
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
 * The list for a plan that was derived from the one it was made for: without passes whose neighbour does not
 * run in it. They stood with that pass's step.
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
