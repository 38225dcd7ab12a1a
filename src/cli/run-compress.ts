/** The action behind `compress`, `optimize` and `demo`: from flags to the library's options, and from the report to the terminal. */
import chalk from "chalk";
import { EXIT } from "../errors.js";
import { compress, type CompressResult } from "../pipeline/compress.js";
import type { CompressOptions } from "../pipeline/compress-options.js";
import type { GateOptions } from "../pipeline/gate-limits.js";
import { defaultOutputPath } from "../pipeline/output-file.js";
import { gatesOf } from "./gate-flags.js";
import { passFlags } from "./pass-flags.js";
import { requireReportPlace, writeReport } from "./report-file.js";
import { printable } from "../report/units.js";
import { printReport } from "./print-report.js";
import { TerminalLogger } from "./terminal-logger.js";

interface RunFlags extends GateOptions {
  readonly output?: string; readonly force?: boolean; readonly externalData?: boolean;
  readonly calib?: string; readonly eval?: string; readonly labels?: string; readonly metric?: string;
  readonly calibrator?: CompressOptions["calibrator"]; readonly effort?: CompressOptions["effort"];
  readonly keepInt8?: boolean; readonly timeBudget?: number; readonly replay?: string; readonly weightBits?: number; readonly perTensor?: boolean; readonly exclude?: readonly string[]; readonly passes?: string; readonly target?: string; readonly minOrt?: string;
  readonly threads?: number; readonly seed?: number;
  readonly verify?: boolean; readonly safe?: boolean; readonly report?: string; readonly json?: boolean; readonly quiet?: boolean; readonly explain?: boolean; readonly debug?: boolean;
}

/** What is done with the model: it is given options and makes a report. */
export type Job = (path: string, options: CompressOptions) => Promise<Pick<CompressResult, "report">>;

/** Sets the process's exit code: 0, or 1 when a gate failed. */
export async function runCompress(path: string, given: Readonly<Record<string, unknown>>, job: Job = compress): Promise<void> {
  const flags = given as RunFlags;
  const quiet = flags.quiet === true || flags.json === true;
  const logger = new TerminalLogger(process.stderr, { quiet: flags.quiet === true, debug: flags.debug === true });
  const output = flags.output ?? defaultOutputPath(path);
  if (flags.report !== undefined) await requireReportPlace(flags.report, [path, output]);
  try {
    const { report } = await job(path, { ...libraryOptions(flags, given), output, logger });
    logger.clear();
    if (flags.report !== undefined) await writeReport(flags.report, report);
    if (!quiet) process.stdout.write(`${chalk.bold(printable(path))} → ${chalk.bold(printable(output))}\n\n`);
    printReport(report, flags);
    if (!report.verdict.ok) process.exitCode = EXIT.gateFailed;
  } finally {
    logger.clear();
  }
}

function libraryOptions(flags: RunFlags, given: Readonly<Record<string, unknown>>): CompressOptions {
  const { force, externalData, calib, eval: evaluation, labels, metric, calibrator, effort, keepInt8, timeBudget,
    replay, weightBits, exclude, passes, target, minOrt, threads, seed, verify, safe, debug } = flags;
  const options = { force, externalData, calib, eval: evaluation, labels, metric, calibrator, effort, keepInt8,
    timeBudget, replay, weightBits, exclude, passes, target, minOrt, ...gatesOf(flags), threads, seed, verify, safe,
    debug };
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as CompressOptions;
  return { ...set, ...(flags.perTensor === true ? { perChannel: false } : {}), flags: passFlags(given) };
}
