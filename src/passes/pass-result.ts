/** Checks what a pass returns: one written in JavaScript has no compiler that checks it. */
import type { StatisticRequest } from "../numeric/statistics.js";
import type { PassResult } from "./contract.js";

/** Throws an Error that says what is missing. */
export function checkedResult(result: unknown): PassResult {
  if (typeof result !== "object" || result === null || Array.isArray(result))
    throw new Error(
      `run returned ${kindOf(result)} instead of a result. Return { modified, stats, nodes, diagnostics }`,
    );
  const { modified, stats, nodes, diagnostics } = result as Partial<Record<keyof PassResult, unknown>>;
  if (typeof modified !== "boolean") throw wrongMember("modified", "true or false", modified);
  if (typeof stats !== "object" || stats === null) throw wrongMember("stats", "an object of figures", stats);
  if (!Array.isArray(nodes)) throw wrongMember("nodes", "a list", nodes);
  if (!Array.isArray(diagnostics)) throw wrongMember("diagnostics", "a list", diagnostics);
  return result as PassResult;
}

/** Throws an Error for anything but a list. */
export function checkedRequests(requests: unknown): readonly StatisticRequest[] {
  if (Array.isArray(requests)) return requests as StatisticRequest[];
  throw new Error(`statistics returned ${kindOf(requests)} instead of a list of requests`);
}

function wrongMember(name: string, expected: string, found: unknown): Error {
  return new Error(`the result of run has ${kindOf(found)} as "${name}", which must be ${expected}`);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null || typeof value === "boolean") return String(value);
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
