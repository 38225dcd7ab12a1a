/** The action behind `compress`, `optimize` and `demo`: from flags to the library's options, and from the report to the terminal. */
import chalk from "chalk";
import { EXIT } from "../errors.js";
import { compress, type CompressResult } from "../pipeline/compress.js";
import type { CompressOptions } from "../pipeline/compress-options.js";
import type { GateOptions } from "../pipeline/gate-limits.js";
import { modelFiles, optionFiles } from "../pipeline/files-read.js";
import { filesWritten } from "../pipeline/output-file.js";
import { defaultOutputPath } from "../pipeline/output-place.js";
import { requireRegularFile } from "../regular-file.js";
import type { LimitOptions } from "../run-limits.js";
import type { Report } from "../report/report.js";
import { gatesOf } from "./gate-flags.js";
import { limitsOf } from "./limit-flags.js";
import { passFlags } from "./pass-flags.js";
import { requireReportPlaces, writeReports } from "./report-file.js";
import { isStandardOutput } from "./standard-output.js";
import { printable } from "../report/units.js";
import { printReport } from "./print-report.js";
import { TerminalLogger } from "./terminal-logger.js";
import { setOutcome } from "./outcome.js";

interface RunFlags extends GateOptions, LimitOptions {
  readonly output?: string; readonly force?: boolean; readonly externalData?: boolean;
  readonly calib?: string; readonly eval?: string; readonly labels?: string; readonly metric?: string;
  readonly calibrator?: CompressOptions["calibrator"]; readonly effort?: CompressOptions["effort"];
  readonly keepInt8?: boolean; readonly timeBudget?: number; readonly replay?: string; readonly weightBits?: number; readonly perTensor?: boolean; readonly exclude?: readonly string[]; readonly passes?: string; readonly target?: string; readonly minOrt?: string;
  readonly threads?: number; readonly seed?: number;
  readonly verify?: boolean; readonly safe?: boolean; readonly report?: readonly string[];
  readonly json?: boolean; readonly quiet?: boolean; readonly explain?: boolean; readonly debug?: boolean;
}

/** What is done with the model: it is given options and makes a report. */
export type Job = (path: string, options: CompressOptions) => Promise<Pick<CompressResult, "report">>;

/** Sets the process's exit code: 0, or 1 when a gate failed. */
export async function runCompress(path: string, given: Readonly<Record<string, unknown>>, job: Job = compress): Promise<void> {
  const flags = given as RunFlags;
  const logger = new TerminalLogger(process.stderr, { quiet: flags.quiet === true, debug: flags.debug === true });
  const output = flags.output ?? defaultOutputPath(path);
  requireRegularFile(path);
  await requirePlaces(path, output, flags);
  try {
    const { report } = await job(path, { ...libraryOptions(flags, given), output, logger });
    logger.clear();
    await tell(report, flags);
    if (!report.verdict.ok) setOutcome(EXIT.gateFailed);
  } finally {
    logger.clear();
  }
}

async function requirePlaces(path: string, output: string, flags: RunFlags): Promise<void> {
  const { report = [], force = false, json = false, ...options } = flags;
  if (report.length === 0) return;
  const read = [...modelFiles(path), ...optionFiles(options)];
  await requireReportPlaces(report, { written: Object.values(filesWritten(output)), read, force, json });
}

/** Standard output is for people, unless the report itself is asked for there. */
async function tell(report: Report, { report: places = [], ...flags }: RunFlags): Promise<void> {
  await writeReports(places, report);
  const isTaken = places.some(isStandardOutput);
  const [input, output] = [report.input, report.output].map((path) => chalk.bold(printable(path ?? "")));
  if (flags.quiet !== true && flags.json !== true && !isTaken) process.stdout.write(`${input} → ${output}\n\n`);
  printReport(report, { ...flags, quiet: flags.quiet === true || isTaken });
}

function libraryOptions(flags: RunFlags, given: Readonly<Record<string, unknown>>): CompressOptions {
  const { force, externalData, calib, eval: evaluation, labels, metric, calibrator, effort, keepInt8, timeBudget,
    replay, weightBits, exclude, passes, target, minOrt, threads, seed, verify, safe, debug } = flags;
  const options = { force, externalData, calib, eval: evaluation, labels, metric, calibrator, effort, keepInt8,
    timeBudget, replay, weightBits, exclude, passes, target, minOrt, ...gatesOf(flags), threads, seed, verify, safe,
    debug, ...limitsOf(flags) };
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as CompressOptions;
  return { ...set, ...(flags.perTensor === true ? { perChannel: false } : {}), flags: passFlags(given) };
}
