/** The decisions of a run, for its report and for a later run that repeats them. */
import { type Decisions, NO_FORMS } from "../plan/replay.js";
import type { RunResult } from "./run-log.js";

/** @param run includes whether calibration samples were held out */
export function decisionsOf(
  {
    passes,
    search,
    strengths,
    judged,
  }: Pick<RunResult, "passes" | "search" | "strengths"> & { readonly judged: boolean },
  { storedOnly, plainFloat }: Pick<Decisions, "storedOnly" | "plainFloat">,
): Decisions {
  const tried = (kept: boolean): string[] =>
    passes.filter(({ trial }) => trial?.kept === kept).map(({ name }) => name);
  return {
    kept: tried(true),
    takenBack: tried(false),
    ...(search?.forms ?? NO_FORMS),
    storedOnly,
    plainFloat,
    judged,
    ...(strengths ? { strengths } : {}),
  };
}
