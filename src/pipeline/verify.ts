/** Compares a compressed model, however it was made, with its original. */
import type { Diagnostic, Logger } from "../diagnostics.js";
import { readModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { SCHEMA_VERSION, type Report } from "../report/report.js";
import { VERSION } from "../version.js";
import type { CompressOptions } from "./compress-options.js";
import { measureAgainst } from "./measure.js";
import { openRunData } from "./run-data.js";

export type VerifyOptions = Pick<CompressOptions, "eval" | "labels" | "metric" | "maxDrop" | "minSqnr" | "threads" | "seed" | "logger">;

/**
 * The report of `compress` without passes: sizes, fidelity, accuracy with labels, latency, what is executed, gates.
 * Failed gates do not throw: see `report.verdict`. Throws BadModelError, BadDataError, and EdgecError RUNTIME_MISSING.
 */
export async function verify(originalPath: string, compressedPath: string, options: VerifyOptions = {}): Promise<Report> {
  const warnings: Diagnostic[] = [];
  const logger: Logger = { ...options.logger, diagnostic: (diagnostic) => void warnings.push(diagnostic) };
  const original = readModel(originalPath);
  assertSound(original, originalPath);
  assertSound(readModel(compressedPath), compressedPath);
  const data = await openRunData(original, options, logger);
  const { gates, warnings: found, ...measurements } = await measureAgainst({ options, originalPath, logger, data, standsAlone: true }, compressedPath);
  return {
    schemaVersion: SCHEMA_VERSION, edgec: VERSION, input: originalPath, output: compressedPath,
    target: null, passes: [], nodes: [], ...measurements,
    warnings: [...warnings, ...found],
    verdict: { ok: gates.every((gate) => gate.ok), gates },
  };
}
