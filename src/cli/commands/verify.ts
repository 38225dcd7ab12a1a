/** `edgec verify <original> <compressed>`: the comparison alone, for a model made by anything. */
import type { Command } from "commander";
import { EXIT } from "../../errors.js";
import type { VerifyOptions } from "../../pipeline/verify.js";
import { numberWithin, threadCount, wholeNumber } from "../option-values.js";

interface VerifyFlags {
  readonly eval?: string; readonly labels?: string; readonly metric?: string; readonly maxDrop?: number; readonly minSqnr?: number; readonly emulate?: string;
  readonly threads: number; readonly seed: number; readonly report?: string; readonly json?: boolean; readonly quiet?: boolean; readonly debug?: boolean;
}

export function addVerify(program: Command): void {
  program.command("verify")
    .argument("<original>", "the model to compare with")
    .argument("<compressed>", "the model to judge")
    .description("compare a compressed model with its original: size, fidelity, accuracy, latency")
    .option("--eval <data>", "data to run both models on; with labels, accuracy is measured (default: random feeds)")
    .option("--labels <file>", "labels for --eval, one for each sample: .npy, .json or .txt")
    .option("--metric <module>", "an ES module with the accuracy metric (default: top-1)")
    .option("--max-drop <share>", "fail (exit 1) when accuracy drops by more: 0.01 is one percentage point", numberWithin(0, Infinity))
    .option("--min-sqnr <db>", "fail (exit 1) when an output's signal-to-noise ratio is lower, in dB", numberWithin(-300, 300))
    .option("--emulate <device>", "compute accuracy and fidelity as a processor would that saturates int8 sums in 16 bits: x64-avx2, or a JSON file that extends it")
    .option("--threads <n>", "threads of the runtime; latency depends on it", threadCount, 1)
    .option("--seed <n>", "for random feeds", wholeNumber(0), 0)
    .option("--report <file>", "write the report as JSON, or as Markdown for a name ending in .md")
    .option("--json", "print the report as JSON and nothing else on stdout")
    .option("--quiet", "print nothing but errors")
    .option("--debug", "show stacks of errors")
    .action(async (original: string, compressed: string, flags: VerifyFlags) => {
      const [{ verify }, { TerminalLogger }, { printReport }, { requireReportPlace, writeReport }] = await Promise.all([
        import("../../pipeline/verify.js"), import("../terminal-logger.js"), import("../print-report.js"), import("../report-file.js"),
      ]);
      const { report: reportPath, eval: evaluation, labels, metric, maxDrop, minSqnr, emulate, threads, seed } = flags;
      const given = { eval: evaluation, labels, metric, maxDrop, minSqnr, emulate, threads, seed };
      const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as VerifyOptions;
      if (reportPath !== undefined) await requireReportPlace(reportPath, [original, compressed]);
      const logger = new TerminalLogger(process.stderr, { quiet: flags.quiet === true, debug: flags.debug === true });
      const report = await verify(original, compressed, { ...options, logger }).finally(() => logger.clear());
      if (reportPath !== undefined) await writeReport(reportPath, report);
      printReport(report, flags);
      if (!report.verdict.ok) process.exitCode = EXIT.gateFailed;
    });
}
