/** What a run decided by measuring, in a form that a later run can repeat without measuring anew. */
import { readFileSync } from "node:fs";
import { EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { requireRegularFile } from "../regular-file.js";
import { nodeNames } from "./names.js";
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
  /** Whether samples were held out of calibration to judge by, which passes then did not see; absent from reports of earlier versions. */
  readonly judged?: boolean;
  /** Of the model that they were made for; absent from reports of earlier versions. */
  readonly model?: string;
}

export const NO_FORMS: NodeForms = { floatNodes: [], dynamicNodes: [] };

/** @param run with whether samples were held out of its calibration */
export function decisionsOf(
  { passes, search, judged }: Pick<RunResult, "passes" | "search"> & { readonly judged: boolean }, { storedOnly, plainFloat }: Pick<Decisions, "storedOnly" | "plainFloat">,
): Decisions {
  const tried = (kept: boolean): string[] => passes.filter(({ trial }) => trial?.kept === kept).map(({ name }) => name);
  return { kept: tried(true), takenBack: tried(false), ...(search?.forms ?? NO_FORMS), storedOnly, plainFloat, judged };
}

/** The decisions in a report. Throws EdgecError CANNOT_READ, and BAD_OPTION for a file that is no report of `compress`. */
export function readDecisions(path: string): Decisions {
  const report = parse(path) as { decisions?: unknown } | null;
  const decisions = validDecisions(report?.decisions);
  if (!decisions) throw new EdgecError("BAD_OPTION", `--replay ${path}: holds no decisions. Give a report that "edgec compress --report" wrote as JSON.`);
  return decisions;
}

/** Undefined for what no version of `compress` has written. Reports of earlier versions know fewer forms, and not all flags. */
function validDecisions(found: unknown): Decisions | undefined {
  if (typeof found !== "object" || found === null) return undefined;
  const { kept, takenBack, floatNodes, dynamicNodes = [], storedOnly, plainFloat = false, judged, model } = found as Partial<Record<keyof Decisions, unknown>>;
  if (!isTexts(kept) || !isTexts(takenBack) || !isTexts(floatNodes) || !isTexts(dynamicNodes)) return undefined;
  if (typeof storedOnly !== "boolean" || typeof plainFloat !== "boolean") return undefined;
  if (judged !== undefined && typeof judged !== "boolean") return undefined;
  return {
    kept, takenBack, floatNodes, dynamicNodes, storedOnly, plainFloat,
    ...(judged === undefined ? {} : { judged }),
    ...(typeof model === "string" ? { model } : {}),
  };
}

/** Throws EdgecError BAD_OPTION where decisions to repeat were made on nodes that the model, as the quantizer gets it, does not have. */
export function requireNodes(model: Model, { floatNodes, dynamicNodes }: NodeForms): void {
  const present = nodeNames(model);
  const missing = [...floatNodes, ...dynamicNodes].filter((name) => !present.has(name));
  if (missing.length === 0) return;
  throw new EdgecError("BAD_OPTION", `--replay: the report says how to compute "${missing.join('", "')}", of which there is no node when int8 is decided. Give the model and the options of the run that wrote the report, or leave --replay out to decide anew.`);
}

/** Throws EdgecError BAD_OPTION where decisions to repeat were made for another model than that of the fingerprint. */
export function requireSameModel(replay: Decisions | undefined, report: string | undefined, fingerprint: string): void {
  if (replay?.model === undefined || replay.model === fingerprint) return;
  throw new EdgecError("BAD_OPTION", `--replay ${report ?? ""}: what was decided there was decided for another model. Give that model, or compress this one without --replay. To repeat it all the same, remove "model" from "decisions" in the report.`);
}

function parse(path: string): unknown {
  requireRegularFile(path);
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
