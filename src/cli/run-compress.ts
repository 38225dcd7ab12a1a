/** Runs `compress`, `optimize` and `demo`: turns flags into options of the library, and prints the report. */
import chalk from "chalk";
import { EXIT } from "../errors.js";
import { compress, type CompressResult } from "../compress/compress.js";
import type { CompressOptions } from "../plan/compress-options.js";
import type { GateOptions } from "../plan/gate-limits.js";
import { modelFiles, optionFiles } from "../output/files-read.js";
import { filesWritten } from "../output/output-file.js";
import { defaultOutputPath } from "../output/output-place.js";
import { requireRegularFile } from "../regular-file.js";
import type { LimitOptions } from "../run-limits.js";
import type { Report } from "../report/report.js";
import { gatesOf } from "./gate-flags.js";
import { limitsOf } from "./limit-flags.js";
import { passFlags } from "./pass-flags.js";
import { requireReportPlaces, writeReports } from "./report-file.js";
import { isStandardOutput } from "./standard-output.js";
import { printable } from "../units.js";
import { printReport } from "./print-report.js";
import { sinceProgramStart } from "./program-start.js";
import { TerminalLogger } from "./terminal-logger.js";
import { setOutcome } from "./outcome.js";

interface RunFlags extends GateOptions, LimitOptions {
  readonly output?: string;
  readonly force?: boolean;
  readonly externalData?: boolean;
  readonly calib?: string;
  readonly eval?: string;
  readonly labels?: string;
  readonly metric?: string;
  readonly calibrator?: CompressOptions["calibrator"];
  readonly effort?: CompressOptions["effort"];
  readonly keepInt8?: boolean;
  readonly floor?: boolean;
  readonly timeBudget?: number;
  readonly replay?: string;
  readonly weightBits?: number;
  readonly perTensor?: boolean;
  readonly exclude?: readonly string[];
  readonly passes?: string;
  readonly target?: string;
  readonly minOrt?: string;
  readonly threads?: number;
  readonly seed?: number;
  readonly packedSizes?: boolean;
  readonly verify?: boolean;
  readonly safe?: boolean;
  readonly report?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly explain?: boolean;
  readonly debug?: boolean;
}

/** The library function that does the work. */
export type Job = (path: string, options: CompressOptions) => Promise<Pick<CompressResult, "report">>;

/** Sets the process's exit code: 0, or 1 when a gate failed. */
export async function runCompress(
  path: string,
  given: Readonly<Record<string, unknown>>,
  job: Job = compress,
): Promise<void> {
  const flags = given as RunFlags;
  const logger = new TerminalLogger(process.stderr, {
    quiet: flags.quiet === true,
    debug: flags.debug === true,
  });
  const output = flags.output ?? defaultOutputPath(path);
  requireRegularFile(path);
  await requirePlaces(path, output, flags);
  try {
    const { report } = await sinceProgramStart(() =>
      job(path, { ...libraryOptions(flags, given), output, logger }),
    );
    logger.clear();
    await print(report, flags, logger.shown);
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

/** Prints the report and writes it to files. When the report goes to standard output, nothing else does. */
async function print(
  report: Report,
  { report: places = [], ...flags }: RunFlags,
  shown: ReadonlySet<string>,
): Promise<void> {
  await writeReports(places, report);
  const isTaken = places.some(isStandardOutput);
  const [input, output] = [report.input, report.output].map((path) => chalk.bold(printable(path ?? "")));
  if (flags.quiet !== true && flags.json !== true && !isTaken)
    process.stdout.write(`${input} → ${output}\n\n`);
  printReport(report, { ...flags, shown, quiet: flags.quiet === true || isTaken });
}

/** Flags that the library takes under the same name. */
const SAME_NAME = [
  "force",
  "externalData",
  "calib",
  "eval",
  "labels",
  "metric",
  "calibrator",
  "effort",
  "keepInt8",
  "floor",
  "timeBudget",
  "replay",
  "weightBits",
  "exclude",
  "passes",
  "target",
  "minOrt",
  "threads",
  "seed",
  "packedSizes",
  "verify",
  "safe",
  "explain",
  "debug",
] as const satisfies readonly (keyof RunFlags & keyof CompressOptions)[];

function libraryOptions(flags: RunFlags, given: Readonly<Record<string, unknown>>): CompressOptions {
  const named = SAME_NAME.map((name) => [name, flags[name]] as const);
  const options = [...named, ...Object.entries({ ...gatesOf(flags), ...limitsOf(flags) })];
  const set = Object.fromEntries(options.filter(([, value]) => value !== undefined)) as CompressOptions;
  const ofPasses = passFlags(given);
  return {
    ...set,
    ...(flags.perTensor === true ? { perChannel: false } : {}),
    ...(Object.keys(ofPasses).length > 0 ? { flags: ofPasses } : {}),
  };
}
