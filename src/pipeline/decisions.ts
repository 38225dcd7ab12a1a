/** What a run decided by measuring, in a form that a later run can repeat without measuring anew. */
import { readFileSync } from "node:fs";
import { EdgecError } from "../errors.js";
import type { RunResult } from "./pass-ledger.js";

export interface Decisions {
  /** Passes that had to prove themselves and did. */
  readonly kept: readonly string[];
  /** Those that were tried and taken back. */
  readonly takenBack: readonly string[];
  /** Nodes that int8 leaves in float, for speed or accuracy. */
  readonly floatNodes: readonly string[];
  /** Whether int8 storage with float arithmetic was chosen in place of int8 arithmetic. */
  readonly storedOnly: boolean;
  /** Of the model that they were made for; absent from reports of earlier versions. */
  readonly model?: string;
}

export function decisionsOf({ passes, search }: RunResult, storedOnly: boolean): Decisions {
  const tried = (kept: boolean): string[] => passes.filter(({ trial }) => trial?.kept === kept).map(({ name }) => name);
  return { kept: tried(true), takenBack: tried(false), floatNodes: [...search?.reasons.keys() ?? []], storedOnly };
}

/** The decisions in a report. Throws EdgecError CANNOT_READ, and BAD_OPTION for a file that is no report of `compress`. */
export function readDecisions(path: string): Decisions {
  const found = (parse(path) as { decisions?: Partial<Record<keyof Decisions, unknown>> } | null)?.decisions;
  const { kept, takenBack, floatNodes, storedOnly, model } = found ?? {};
  if (isTexts(kept) && isTexts(takenBack) && isTexts(floatNodes) && typeof storedOnly === "boolean") return { kept, takenBack, floatNodes, storedOnly, ...(typeof model === "string" ? { model } : {}) };
  throw new EdgecError("BAD_OPTION", `--replay ${path}: holds no decisions. Give a report that "edgec compress --report" wrote as JSON.`);
}

/** Throws EdgecError BAD_OPTION where decisions to repeat were made for another model than that of the fingerprint. */
export function requireSameModel(replay: Decisions | undefined, report: string | undefined, fingerprint: string): void {
  if (replay?.model === undefined || replay.model === fingerprint) return;
  throw new EdgecError("BAD_OPTION", `--replay ${report ?? ""}: what was decided there was decided for another model. Give that model, or compress this one without --replay. To repeat it all the same, remove "model" from "decisions" in the report.`);
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
