/** The passes that a list names, however the list is spelled: as text, or as a list that may hold passes as well. */
import { type PassList } from "./pass-list.js";
import { CLEAN_UP, OPTIMIZE } from "./recipe.js";

/** The word that stands for all clean-up passes. */
const CLEAN_UP_WORD = "clean-up";
/** The word that stands for the clean-up, the passes on structure and all fusions. */
export const OPTIMIZE_WORD = "optimize";

/** The words that stand for several passes. */
export const PASS_GROUPS: ReadonlyMap<string, readonly string[]> = new Map([
  [CLEAN_UP_WORD, CLEAN_UP],
  [OPTIMIZE_WORD, OPTIMIZE],
]);

/** The entries of a list: those of a text are its words. */
export function entriesOf(passes: string | PassList): PassList {
  return typeof passes === "string"
    ? passes
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "")
    : passes;
}

/** Whether a list of passes names this one, by itself or within a group. Bound passes have their options already. */
export function listsPass(passes: string | PassList | undefined, name: string): boolean {
  return entriesOf(passes ?? []).some(
    (entry) => typeof entry === "string" && (PASS_GROUPS.get(entry) ?? [entry]).includes(name),
  );
}

/** The names where the list holds nothing else; undefined where passes of the caller's own are among them. */
export function namesAlone(passes: string | PassList): readonly string[] | undefined {
  const entries = entriesOf(passes);
  const names = entries.filter((entry) => typeof entry === "string");
  return names.length === entries.length ? names : undefined;
}
