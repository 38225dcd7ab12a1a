/** Compares a compressed model, however it was made, with its original. */
import { abortable } from "../abort.js";
import { requirePath } from "../arguments.js";
import { anyObject, boolean, either, text } from "../option-checks.js";
import { type KeysOf, withKnownOptions } from "../option-keys.js";
import { LIMIT_KEYS, withLimits } from "../run-limits.js";
import { inStage, stageTimes, withStageClock } from "../stage-clock.js";
import { clippedDiagnostic, type Diagnostic, type Logger } from "../diagnostics.js";
import { EdgecError } from "../errors.js";
import { readModel } from "../onnx/index.js";
import { assertSound } from "../ops/check-operators.js";
import { RuntimeSearch } from "../runtime/index.js";
import { type Report } from "../report/report.js";
import type { TargetProfile } from "../targets/index.js";
import { compareAcross, type Across, type AcrossOptions } from "../verify/index.js";
import { VERSION, SCHEMA_VERSION } from "../version.js";
import { COMPRESS_KEYS, type CompressOptions } from "../plan/compress-options.js";
import { acrossWarnings, requireAcross } from "./across.js";
import { emulate, emulatedProfile, type EmulatedModel } from "./emulation.js";
import { GATE_KEYS, type GateOptions } from "../plan/gate-limits.js";
import { measureAgainst, type Measurements } from "./compare-files.js";
import { muchLost } from "./loss-warning.js";
import { OutputFile } from "../output/output-file.js";
import { referenceOf } from "./runnable-original.js";
import { openRunData, type RunData } from "./run-data.js";
import { runtimeNotice } from "./runtime-notice.js";
import { madeUpWarnings } from "./made-up-data.js";
import { option } from "../option-names.js";

export type VerifyOptions = Pick<
  CompressOptions,
  | "eval"
  | "trialSeconds"
  | "foldLimit"
  | "loadLimit"
  | "labels"
  | "metric"
  | keyof GateOptions
  | "threads"
  | "seed"
  | "packedSizes"
  | "logger"
  | "signal"
> & {
  /**
   * Measures fidelity and accuracy as on this processor, which saturates sums of int8 products in 16 bits, on
   * any machine: "x64-avx2", or a profile that extends it. Latency is then left out.
   */
  readonly emulate?: string | TargetProfile;
  /**
   * Also runs the compressed model in onnxruntime-node and onnxruntime-web at several graph optimization
   * levels, and reports where its outputs or decisions differ. `true` uses all defaults.
   */
  readonly across?: boolean | AcrossOptions;
};

const VERIFY_KEYS = {
  eval: COMPRESS_KEYS.eval,
  trialSeconds: COMPRESS_KEYS.trialSeconds,
  ...LIMIT_KEYS,
  labels: COMPRESS_KEYS.labels,
  metric: COMPRESS_KEYS.metric,
  ...GATE_KEYS,
  threads: COMPRESS_KEYS.threads,
  seed: COMPRESS_KEYS.seed,
  packedSizes: COMPRESS_KEYS.packedSizes,
  logger: COMPRESS_KEYS.logger,
  signal: COMPRESS_KEYS.signal,
  emulate: either(text, anyObject),
  across: either(boolean, anyObject),
} satisfies KeysOf<VerifyOptions>;

/**
 * Returns the report of `compress` without passes: sizes, fidelity, accuracy with labels, latency, executed
 * kernels, gates. Failed gates do not throw: see `report.verdict`. Throws BadModelError, BadDataError, and
 * EdgecError RUNTIME_MISSING, and BAD_OPTION for a target to emulate that does not saturate and for options
 * that exclude each other.
 */
export function verify(
  originalPath: string,
  compressedPath: string,
  options: VerifyOptions = {},
): Promise<Report> {
  return withKnownOptions("verify", VERIFY_KEYS, options, () => {
    requirePath("verify", "the original", originalPath);
    requirePath("verify", "the compressed model", compressedPath);
    return abortable(options.signal, () =>
      withLimits(options, () => withStageClock(() => verifyPaths(originalPath, compressedPath, options))),
    );
  });
}

async function verifyPaths(
  originalPath: string,
  compressedPath: string,
  options: VerifyOptions,
): Promise<Report> {
  refuseBadOptions(options);
  const warnings: Diagnostic[] = [];
  const logger: Logger = { ...options.logger, diagnostic: (diagnostic) => void warnings.push(diagnostic) };
  const profile = options.emulate === undefined ? undefined : emulatedProfile(options.emulate);
  logger.progress?.({ step: "read both models", done: 0 });
  const data = await inStage("read", () => {
    const original = readModel(originalPath);
    assertSound(original, originalPath);
    assertSound(readModel(compressedPath), compressedPath);
    return openRunData(original, options);
  });
  const runtimeSearch = new RuntimeSearch();
  const files = await OutputFile.prepare({ output: undefined, input: originalPath, force: false });
  try {
    warnings.push(...runtimeNotice(await runtimeSearch.look(true)));
    const reference = await referenceOf(() => readModel(originalPath), originalPath, files);
    warnings.push(...reference.warnings);
    const emulated =
      profile && (await inStage("emulate", () => emulate(compressedPath, profile, files, logger)));
    const context = {
      options,
      originalPath,
      referencePath: reference.path,
      name: originalPath,
      logger,
      data,
      runtimeSearch,
      standsAlone: true,
      ...(emulated ? { standIn: emulated.path } : {}),
    };
    const measurements = await measureAgainst(context, compressedPath);
    warnings.unshift(...muchLost({ ...measurements, isMadeUp: data.isMadeUp }));
    warnings.push(...madeUpWarnings(data, measurements));
    const across =
      measurements.fidelity === null
        ? undefined
        : await inStage("across", () => runAcross(compressedPath, options, data, logger));
    if (across) warnings.push(...acrossWarnings(across, measurements.fidelity));
    return {
      ...makeReport(originalPath, compressedPath, measurements, warnings, emulated),
      ...(across ? { across } : {}),
    };
  } finally {
    await runtimeSearch.close();
    await files.remove();
  }
}

function refuseBadOptions({ across, emulate: device, maxSlowdown }: VerifyOptions): void {
  if (typeof across === "object") requireAcross(across);
  if (device === undefined || maxSlowdown === undefined) return;
  throw new EdgecError(
    "BAD_OPTION",
    `${option("maxSlowdown")} needs latency, which ${option("emulate")} does not measure. Leave one of them out.`,
  );
}

/**
 * Undefined when it was not requested, or when there is no data to run on; a warning then already says so.
 */
async function runAcross(
  path: string,
  { across, threads }: VerifyOptions,
  { evaluation }: RunData,
  logger: Logger,
): Promise<Across | undefined> {
  if (across === undefined || across === false || !evaluation) return undefined;
  return compareAcross({
    ...(across === true ? {} : across),
    model: path,
    data: evaluation,
    logger,
    ...(threads === undefined ? {} : { threads }),
  });
}

function makeReport(
  originalPath: string,
  compressedPath: string,
  { gates, warnings: found, ...measurements }: Measurements,
  warnings: readonly Diagnostic[],
  emulated: EmulatedModel | undefined,
): Report {
  return {
    schemaVersion: SCHEMA_VERSION,
    edgec: VERSION,
    input: originalPath,
    output: compressedPath,
    target: null,
    emulation: emulated?.emulation ?? null,
    decisions: null,
    search: null,
    passes: [],
    written: [],
    nodes: (emulated?.nodes ?? []).map((node) => ({ ...node, pass: "emulate" })),
    ...measurements,
    warnings: [...warnings, ...(emulated?.warnings ?? []), ...found].map(clippedDiagnostic),
    times: stageTimes(),
    verdict: { ok: gates.every((gate) => gate.ok), gates },
  };
}
