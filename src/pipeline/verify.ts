/** Compares a compressed model, however it was made, with its original. */
import { abortable } from "../abort.js";
import { withLimits } from "../run-limits.js";
import { clippedDiagnostic, type Diagnostic, type Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { readModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { nativeRuntime } from "../runtime/index.js";
import { SCHEMA_VERSION, type Report } from "../report/report.js";
import type { TargetProfile } from "../targets/index.js";
import { compareAcross, type Across, type AcrossOptions } from "../verify/index.js";
import { VERSION } from "../version.js";
import type { CompressOptions } from "./compress-options.js";
import { acrossWarnings, requireAcross } from "./across.js";
import { emulate, emulatedProfile, type EmulatedModel } from "./emulation.js";
import type { GateOptions } from "./gate-limits.js";
import { measureAgainst, type Measurements } from "./measure.js";
import { muchLost } from "./much-lost.js";
import { OutputFile } from "./output-file.js";
import { referenceOf } from "./reference.js";
import { madeUpWarnings, openRunData, type RunData } from "./run-data.js";
import { runtimeNotice } from "./runtime-notice.js";

export type VerifyOptions = Pick<CompressOptions, "eval" | "trialSeconds" | "foldLimit" | "loadLimit" | "labels" | "metric" | keyof GateOptions | "threads" | "seed" | "logger" | "signal"> & {
  /**
   * Computes fidelity and accuracy as this processor would that saturates sums of int8 products in 16 bits, on any
   * machine: "x64-avx2", or a profile that extends it. Times are left out then.
   */
  readonly emulate?: string | TargetProfile;
  /**
   * Runs the compressed model in onnxruntime-node and onnxruntime-web at several graph optimization levels as well, and
   * reports where its outputs or decisions differ. True is all defaults.
   */
  readonly across?: boolean | AcrossOptions;
};

/**
 * The report of `compress` without passes: sizes, fidelity, accuracy with labels, latency, what is executed, gates.
 * Failed gates do not throw: see `report.verdict`. Throws BadModelError, BadDataError, and EdgecError
 * RUNTIME_MISSING, and BAD_OPTION for a target to emulate that saturates nothing and for options that exclude each other.
 */
export function verify(originalPath: string, compressedPath: string, options: VerifyOptions = {}): Promise<Report> {
  return abortable(options.signal, () => withLimits(options, () => verifyPaths(originalPath, compressedPath, options)));
}

async function verifyPaths(originalPath: string, compressedPath: string, options: VerifyOptions): Promise<Report> {
  refuseBadOptions(options);
  const warnings: Diagnostic[] = [];
  const logger: Logger = { ...options.logger, diagnostic: (diagnostic) => void warnings.push(diagnostic) };
  const profile = options.emulate === undefined ? undefined : emulatedProfile(options.emulate);
  logger.progress?.({ step: "read both models", done: 0 });
  const original = readModel(originalPath);
  assertSound(original, originalPath);
  assertSound(readModel(compressedPath), compressedPath);
  const data = await openRunData(original, options);
  warnings.push(...runtimeNotice(await nativeRuntime()));
  const files = await OutputFile.prepare({ output: undefined, input: originalPath, force: false });
  try {
    const reference = await referenceOf(() => readModel(originalPath), originalPath, files);
    warnings.push(...reference.warnings);
    const emulated = profile && await emulate(compressedPath, profile, files, logger);
    const context = {
      options, originalPath, referencePath: reference.path, name: originalPath, logger, data, standsAlone: true,
      ...(emulated ? { standIn: emulated.path } : {}),
    };
    const measurements = await measureAgainst(context, compressedPath);
    warnings.unshift(...muchLost({ ...measurements, isMadeUp: data.isMadeUp }));
    warnings.push(...madeUpWarnings(data, measurements));
    const across = measurements.fidelity === null ? undefined : await runAcross(compressedPath, options, data, logger);
    if (across) warnings.push(...acrossWarnings(across, measurements.fidelity));
    return { ...makeReport(originalPath, compressedPath, measurements, warnings, emulated), ...(across ? { across } : {}) };
  } finally {
    await files.remove();
  }
}

function refuseBadOptions({ across, emulate: device, maxSlowdown }: VerifyOptions): void {
  if (typeof across === "object") requireAcross(across);
  if (device === undefined || maxSlowdown === undefined) return;
  throw new EdgecError("BAD_OPTION", "--max-slowdown needs times, which --emulate leaves out: leave one of them out.");
}

/** Undefined when it was not asked for, or there is nothing to run on, which a warning has told by then. */
async function runAcross(path: string, { across, threads }: VerifyOptions, { evaluation }: RunData, logger: Logger): Promise<Across | undefined> {
  if (across === undefined || across === false || !evaluation) return undefined;
  return compareAcross({ ...(across === true ? {} : across), model: path, data: evaluation, logger, ...(threads === undefined ? {} : { threads }) });
}

function makeReport(
  originalPath: string, compressedPath: string, { gates, warnings: found, ...measurements }: Measurements, warnings: readonly Diagnostic[], emulated: EmulatedModel | undefined,
): Report {
  return {
    schemaVersion: SCHEMA_VERSION, edgec: VERSION, input: originalPath, output: compressedPath,
    target: null, emulation: emulated?.emulation ?? null, decisions: null, search: null, passes: [], written: [],
    nodes: (emulated?.nodes ?? []).map((node) => ({ ...node, pass: "emulate" })), ...measurements,
    warnings: [...warnings, ...(emulated?.warnings ?? []), ...found].map(clippedDiagnostic),
    verdict: { ok: gates.every((gate) => gate.ok), gates },
  };
}
