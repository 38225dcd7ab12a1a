/** What a run decided by measuring, in a form that a later run can repeat without measuring anew. */
import { readFileSync } from "node:fs";
import { EdgecError } from "../errors.js";
import type { RunResult } from "./pass-ledger.js";

/** Forms that nodes were given in place of int8 with static ranges, by their names. */
export interface NodeForms {
  /** Left in float, for speed or accuracy. */
  readonly floatNodes: readonly string[];
  /** Fully connected layers whose ranges are taken at run time although codes reach them. */
  readonly dynamicNodes: readonly string[];
}

export interface Decisions extends NodeForms {
  /** Passes that had to prove themselves and did. */
  readonly kept: readonly string[];
  /** Those that were tried and taken back. */
  readonly takenBack: readonly string[];
  /** Whether int8 storage with float arithmetic was chosen in place of int8 arithmetic. */
  readonly storedOnly: boolean;
  /** Whether what int8 leaves in float was not stored as int8 either, so that a budget holds. */
  readonly plainFloat: boolean;
}

export const NO_FORMS: NodeForms = { floatNodes: [], dynamicNodes: [] };

export function decisionsOf({ passes, search }: RunResult, { storedOnly, plainFloat }: Pick<Decisions, "storedOnly" | "plainFloat">): Decisions {
  const tried = (kept: boolean): string[] => passes.filter(({ trial }) => trial?.kept === kept).map(({ name }) => name);
  return { kept: tried(true), takenBack: tried(false), ...(search?.forms ?? NO_FORMS), storedOnly, plainFloat };
}

/** The decisions in a report. Throws EdgecError CANNOT_READ, and BAD_OPTION for a file that is no report of `compress`. */
export function readDecisions(path: string): Decisions {
  const found = (parse(path) as { decisions?: Partial<Record<keyof Decisions, unknown>> } | null)?.decisions;
  // Reports of earlier versions know fewer forms.
  const { kept, takenBack, floatNodes, dynamicNodes = [], storedOnly, plainFloat = false } = found ?? {};
  if ([kept, takenBack, floatNodes, dynamicNodes].every(isTexts) && [storedOnly, plainFloat].every((flag) => typeof flag === "boolean")) return { kept, takenBack, floatNodes, dynamicNodes, storedOnly, plainFloat } as Decisions;
  throw new EdgecError("BAD_OPTION", `--replay ${path}: holds no decisions. Give a report that "edgec compress --report" wrote as JSON.`);
}

function parse(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new EdgecError("CANNOT_READ", `--replay ${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EdgecError("BAD_OPTION", `--replay ${path}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}
