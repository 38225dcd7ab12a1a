/**
 * Passes as a caller lists them: names, bound passes, and the word "recipe" with passes put beside those of
 * the recipe.
 */
import type { Pass, PassFactory } from "../passes/contract.js";

/**
 * Passes as a caller of the library gives them: bound passes and names of passes, which replace the recipe;
 * or with the word "recipe", which stands for it, passes that run before it, after it, or beside one of its
 * own.
 */
export type PassList = readonly (string | Pass | InsertedPass)[];

/**
 * A pass beside one of the recipe: it runs with that pass's step, next to it. A factory (`definePass`)
 * takes the run's options as the passes of the recipe do, `exclude` above all; a bound pass carries its
 * own.
 */
export type InsertedPass =
  | { readonly after: string; readonly pass: Pass | PassFactory<object> }
  | { readonly before: string; readonly pass: Pass | PassFactory<object> };

/** The word that stands for the recipe in a list of passes. */
export const RECIPE_WORD = "recipe";

export function listsRecipe(passes: string | PassList | undefined): boolean {
  return typeof passes === "object" && passes.includes(RECIPE_WORD);
}

/** Whether the run follows the user's own order instead of the recipe. */
export function replacesRecipe(passes: string | PassList | undefined): boolean {
  return passes !== undefined && !listsRecipe(passes);
}

export function isBound(pass: PassList[number]): pass is Pass {
  return typeof pass === "object" && pass !== null && "run" in pass;
}

/** A pass to insert next to one of the recipe. */
export function isInserted(pass: PassList[number]): pass is InsertedPass {
  return typeof pass === "object" && !("run" in pass);
}

/** Whether the caller puts a pass into the recipe that may change results. */
export function insertsLossy(passes: string | PassList | undefined): boolean {
  if (typeof passes !== "object" || !listsRecipe(passes)) return false;
  return passes.some((entry) => {
    if (typeof entry === "string") return false;
    if (isBound(entry)) return entry.lossy;
    return typeof entry.pass === "function" ? entry.pass.definition.lossy : entry.pass.lossy;
  });
}
