/** The result of an exact pass: a count of what it did. */
import type { PassResult } from "../contract.js";

/** `modified` when any of the counts is above zero. */
export function exactResult(stats: Readonly<Record<string, number>>): PassResult {
  return { modified: Object.values(stats).some((count) => count > 0), stats, nodes: [], diagnostics: [] };
}
