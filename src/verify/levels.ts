/**
 * Finds the optimization levels that two models ran at, and whether the compressed model is the reason for a
 * lower one.
 */
import { EdgecError } from "../errors.js";
import { LEVELS, type OptimizationLevel, type Session, type UsedLevel } from "../runtime/index.js";

export interface ComparedLevels {
  readonly original: OptimizationLevel;
  readonly compressed: OptimizationLevel;
  /**
   * What onnxruntime reported for the original and for the compressed model above those levels; null if
   * nothing.
   */
  readonly refusals: { readonly original: string | null; readonly compressed: string | null };
}

interface LevelRules {
  /** Name of the compressed model in messages. */
  readonly compressed: string;
  readonly lowerLevelIsFine?: boolean;
}

/**
 * Undefined if both run at the highest level. Throws as `requireLevel` does, unless a lower level is fine.
 */
export async function comparedLevels(
  original: Session,
  compressed: Session,
  rules: LevelRules,
): Promise<ComparedLevels | undefined> {
  const [before, after] = await Promise.all([original.usedLevel(), compressed.usedLevel()]);
  if (rules.lowerLevelIsFine !== true) requireLevel(rules.compressed, after, before);
  if (before.level === LEVELS[0] && after.level === LEVELS[0]) return undefined;
  const refusals = { original: before.refusal ?? null, compressed: after.refusal ?? null };
  return { original: before.level, compressed: after.level, refusals };
}

/** Throws EdgecError MODEL_REJECTED for a model that runs only at a lower level than its original. */
export function requireLevel(label: string, { level, refusal = "" }: UsedLevel, original: UsedLevel): void {
  if (!isLower(level, original.level)) return;
  const where = `only up to graph optimization level "${level}", but the original at "${original.level}"`;
  throw new EdgecError("MODEL_REJECTED", `${label}: onnxruntime runs it ${where}. It reports: ${refusal}`);
}

/** Whether `level` optimizes less than `other`. */
export function isLower(level: OptimizationLevel, other: OptimizationLevel): boolean {
  return LEVELS.indexOf(level) > LEVELS.indexOf(other);
}
