/** `edgec verify <original> <compressed>`: compares a model, compressed by any tool, with its original. */
import type { Command } from "commander";
import { dataFormatsText } from "../../data/data-formats.js";
import { EXIT } from "../../errors.js";
import type { VerifyOptions } from "../../compare/verify.js";
import type { LimitOptions } from "../../run-limits.js";
import type { GateOptions } from "../../plan/gate-limits.js";
import { addGateFlags, gatesOf } from "../gate-flags.js";
import { SATURATING } from "../../targets/profiles.js";
import { addLimitFlags, limitsOf } from "../limit-flags.js";
import { sinceProgramStart } from "../program-start.js";
import { collected, threadCount, wholeNumber, words } from "../option-values.js";
import { isStandardOutput } from "../standard-output.js";
import { REPORT } from "./compress-command.js";
import { setOutcome } from "../outcome.js";

interface VerifyFlags extends GateOptions, LimitOptions {
  readonly eval?: string;
  readonly labels?: string;
  readonly metric?: string;
  readonly emulate?: string;
  readonly across?: boolean;
  readonly runtimes?: readonly string[];
  readonly levels?: readonly string[];
  readonly threads: number;
  readonly seed: number;
  readonly packedSizes?: boolean;
  readonly report?: readonly string[];
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

export function addVerify(program: Command): void {
  const command = program
    .command("verify")
    .argument("<original>", "the model to compare with")
    .argument("<compressed>", "the model to judge")
    .description("compare a compressed model with its original: size, fidelity, accuracy, latency")
    .option(
      "--eval <data>",
      `compare both models on this data: ${dataFormatsText()}; with labels, accuracy is measured ` +
        "(default: random inputs)",
    )
    .option("--labels <file>", "read labels for --eval from this file, one per sample: .npy, .json or .txt")
    .option("--metric <module>", "measure accuracy with this ES module (default: top-1)");
  addLimitFlags(addGateFlags(command))
    .option(
      "--emulate <device>",
      "measure accuracy and fidelity as on a processor that saturates int8 sums in 16 " +
        `bits: ${SATURATING.join(", ")}, or a JSON file that extends one`,
    )
    .option(
      "--across",
      "also run the compressed model in other runtimes and at other optimization levels, " +
        "and report where its outputs or decisions differ",
    )
    .option(
      "--runtimes <list>",
      "set the runtimes of --across, separated by commas: node, web (default: both)",
      words,
    )
    .option(
      "--levels <list>",
      "set the graph optimization levels of --across: all, extended, basic, disabled (default: all,basic,disabled)",
      words,
    )
    .option("--threads <n>", "set the number of threads of the runtime", threadCount, 1)
    .option("--seed <n>", "set the seed of random inputs", wholeNumber(0), 0)
    .option("--packed-sizes", "also measure the sizes after gzip and brotli: takes seconds for each 10 MB")
    .option("--report <file>", REPORT, collected)
    .option("--force", "let --report replace a file that is not an edgec report")
    .option("--json", "print the report as JSON and nothing else on stdout")
    .option("--quiet", "print only errors")
    .option("--debug", "print stack traces")
    .action(runVerify);
}

async function runVerify(original: string, compressed: string, flags: VerifyFlags): Promise<void> {
  const [{ verify }, { modelFiles, optionFiles }] = await Promise.all([
    import("../../compare/verify.js"),
    import("../../output/files-read.js"),
  ]);
  const [{ TerminalLogger }, { printReport }, { requireReportPlaces, writeReports }] = await Promise.all([
    import("../terminal-logger.js"),
    import("../print-report.js"),
    import("../report-file.js"),
  ]);
  const { report: places = [], force = false, json = false } = flags;
  const { eval: evaluation, labels, metric, emulate, threads, seed, packedSizes } = flags;
  const given = {
    eval: evaluation,
    labels,
    metric,
    ...gatesOf(flags),
    emulate,
    across: acrossOf(flags),
    threads,
    seed,
    packedSizes,
    ...limitsOf(flags),
  };
  const options = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as VerifyOptions;
  if (places.length > 0) {
    const read = [...modelFiles(original), ...modelFiles(compressed), ...optionFiles(flags)];
    await requireReportPlaces(places, { written: [], read, force, json });
  }
  const logger = new TerminalLogger(process.stderr, {
    quiet: flags.quiet === true,
    debug: flags.debug === true,
  });
  const report = await sinceProgramStart(() => verify(original, compressed, { ...options, logger })).finally(
    () => logger.clear(),
  );
  await writeReports(places, report);
  printReport(report, { ...flags, quiet: flags.quiet === true || places.some(isStandardOutput) });
  if (!report.verdict.ok) setOutcome(EXIT.gateFailed);
}

/** Undefined unless --across, --runtimes or --levels is given. */
function acrossOf({ across, runtimes, levels }: VerifyFlags): object | undefined {
  if (across !== true && runtimes === undefined && levels === undefined) return undefined;
  return { ...(runtimes === undefined ? {} : { runtimes }), ...(levels === undefined ? {} : { levels }) };
}
