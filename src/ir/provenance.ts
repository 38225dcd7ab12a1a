/**
 * What became of names. A pass may split a node or a constant, or put one of another name in its place, and
 * then records it (`GraphEditor.recordDescent`), so that what a user has named in the file is still found.
 * Kept in memory alone.
 */
import type { Model } from "./model.js";

export function addDescent(model: Pick<Model, "descent">, from: string, name: string): void {
  if (from === name || from === "" || name === "") return;
  model.descent ??= new Map();
  const known = model.descent.get(from);
  if (known) known.add(name);
  else model.descent.set(from, new Set([name]));
}

/** The names and all that came of them, in any number of steps. */
export function withDescendants({ descent }: Pick<Model, "descent">, names: Iterable<string>): Set<string> {
  const all = new Set(names);
  // A set hands out what is added while it is walked.
  for (const name of all) for (const next of descent?.get(name) ?? []) all.add(next);
  return all;
}
