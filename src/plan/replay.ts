/** What a run decided by measuring, in a form that a later run can repeat without measuring. */
import { readFileSync } from "node:fs";
import { EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import { refuseEmptyPath, requireRegularFile } from "../regular-file.js";
import { nodeNames } from "./exclusions.js";
import { option } from "../option-names.js";

/** Forms that nodes were given in place of int8 with static ranges, by their names. */
export interface NodeForms {
  /** Left in float, for speed or accuracy. */
  readonly floatNodes: readonly string[];
  /** Fully connected layers whose ranges are taken at run time although codes reach them. */
  readonly dynamicNodes: readonly string[];
}

export interface Decisions extends NodeForms {
  /** Passes that were tried and kept. */
  readonly kept: readonly string[];
  /** Passes that were tried and undone. */
  readonly takenBack: readonly string[];
  /** Whether int8 storage with float arithmetic was chosen in place of int8 arithmetic. */
  readonly storedOnly: boolean;
  /** Whether layers in float kept plain float weights, so that an accuracy budget holds. */
  readonly plainFloat: boolean;
  /**
   * Whether calibration samples were held out to judge passes, which did not see them; absent from reports of
   * earlier versions.
   */
  readonly judged?: boolean;
  /** The strength chosen for each pass judged within gates; null if it did not run. */
  readonly strengths?: Readonly<Record<string, number | null>>;
  /** The fingerprint of the model; absent from reports of earlier versions. */
  readonly model?: string;
}

export const NO_FORMS: NodeForms = { floatNodes: [], dynamicNodes: [] };

/**
 * The decisions in a report. Throws EdgecError CANNOT_READ, and BAD_OPTION for a file that is no report of
 * `compress`.
 */
export function readDecisions(path: string): Decisions {
  const report = parse(path) as { decisions?: unknown } | null;
  const decisions = validDecisions(report?.decisions);
  if (!decisions)
    throw new EdgecError(
      "BAD_OPTION",
      `${option("replay")} ${path}: the file contains no decisions. Give a JSON report that ` +
        `${option("reportJson")} wrote.`,
    );
  return decisions;
}

/**
 * Undefined for what no version of `compress` has written. Reports of earlier versions know fewer forms,
 * and not all flags.
 */
function validDecisions(found: unknown): Decisions | undefined {
  if (typeof found !== "object" || found === null) return undefined;
  const {
    kept,
    takenBack,
    floatNodes,
    dynamicNodes = [],
    storedOnly,
    plainFloat = false,
    judged,
    strengths,
    model,
  } = found as Partial<Record<keyof Decisions, unknown>>;
  if (!isTexts(kept) || !isTexts(takenBack) || !isTexts(floatNodes) || !isTexts(dynamicNodes))
    return undefined;
  if (typeof storedOnly !== "boolean" || typeof plainFloat !== "boolean") return undefined;
  if (judged !== undefined && typeof judged !== "boolean") return undefined;
  if (strengths !== undefined && !areStrengths(strengths)) return undefined;
  return {
    kept,
    takenBack,
    floatNodes,
    dynamicNodes,
    storedOnly,
    plainFloat,
    ...(judged === undefined ? {} : { judged }),
    ...(strengths === undefined ? {} : { strengths }),
    ...(typeof model === "string" ? { model } : {}),
  };
}

/**
 * Throws EdgecError BAD_OPTION where decisions to repeat were made on nodes that the model, as the
 * quantizer gets it, does not have.
 */
export function requireNodes(model: Model, { floatNodes, dynamicNodes }: NodeForms): void {
  const present = nodeNames(model);
  const missing = [...floatNodes, ...dynamicNodes].filter((name) => !present.has(name));
  if (missing.length === 0) return;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("replay")}: the report decides how to compute "${missing.join('", "')}", but the model ` +
      "has no such node when int8 is applied. Use the model and the options of the run that " +
      `wrote the report, or leave ${option("replay")} out to decide again.`,
  );
}

/**
 * Throws EdgecError BAD_OPTION where decisions to repeat were made for another model than that of the
 * fingerprint.
 */
export function requireSameModel(
  replay: Decisions | undefined,
  report: string | undefined,
  fingerprint: string,
): void {
  if (replay?.model === undefined || replay.model === fingerprint) return;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("replay")} ${report ?? ""}: its decisions were made for another model. ` +
      `Give that model, or compress this one without ${option("replay")}. To use them anyway, ` +
      'remove "model" from "decisions" in the report.',
  );
}

function parse(path: string): unknown {
  refuseEmptyPath(option("replay"), path, "the report of an earlier run");
  requireRegularFile(path);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new EdgecError(
        "CANNOT_READ",
        `${option("replay")} ${path}: the file does not exist. Give the report of an earlier run.`,
        { cause },
      );
    }
    throw new EdgecError(
      "CANNOT_READ",
      `${option("replay")} ${path}: the file cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EdgecError(
      "BAD_OPTION",
      `${option("replay")} ${path}: the file is not valid JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function areStrengths(value: unknown): value is Record<string, number | null> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((entry) => entry === null || typeof entry === "number");
}
