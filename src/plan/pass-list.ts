/**
 * The list of passes that a caller gives. It either replaces the recipe, or contains the word "recipe" and
 * adds passes to it.
 */
import type { Pass, PassFactory } from "../passes/contract.js";

/**
 * Names of passes and bound passes, in the order in which they run. A list without the word "recipe" replaces
 * the recipe. In a list with it, the other entries run before or after the recipe, or next to one of its passes
 * ({@link InsertedPass}).
 */
export type PassList = readonly (string | Pass | InsertedPass)[];

/**
 * A pass to run directly after or before a pass of the recipe. A factory (what `definePass` returns) gets the
 * options of the run, such as `exclude`, as the passes of the recipe do. A bound pass keeps its own options.
 */
export type InsertedPass =
  | { readonly after: string; readonly pass: Pass | PassFactory<object> }
  | { readonly before: string; readonly pass: Pass | PassFactory<object> };

/** Stands for the whole recipe in a list of passes. */
export const RECIPE_WORD = "recipe";

export function listsRecipe(passes: string | PassList | undefined): boolean {
  return typeof passes === "object" && passes.includes(RECIPE_WORD);
}

/** Whether the caller's passes run instead of the recipe. */
export function replacesRecipe(passes: string | PassList | undefined): boolean {
  return passes !== undefined && !listsRecipe(passes);
}

export function isBound(pass: PassList[number]): pass is Pass {
  return typeof pass === "object" && pass !== null && "run" in pass;
}

/** Whether the entry is to be inserted next to a pass of the recipe. */
export function isInserted(pass: PassList[number]): pass is InsertedPass {
  return typeof pass === "object" && !("run" in pass);
}

/** Whether the caller adds a lossy pass to the recipe. */
export function insertsLossy(passes: string | PassList | undefined): boolean {
  if (typeof passes !== "object" || !listsRecipe(passes)) return false;
  return passes.some((entry) => {
    if (typeof entry === "string") return false;
    if (isBound(entry)) return entry.lossy;
    return typeof entry.pass === "function" ? entry.pass.definition.lossy : entry.pass.lossy;
  });
}
