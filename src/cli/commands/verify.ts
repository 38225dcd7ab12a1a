/** `edgec verify <original> <compressed>`: the comparison alone, for a model made by anything. */
import type { Command } from "commander";
import { EXIT } from "../../errors.js";
import type { VerifyOptions } from "../../pipeline/verify.js";
import type { LimitOptions } from "../../run-limits.js";
import type { GateOptions } from "../../pipeline/gate-limits.js";
import { addGateFlags, gatesOf } from "../gate-flags.js";
import { addLimitFlags, limitsOf } from "../limit-flags.js";
import { collected, threadCount, wholeNumber, words } from "../option-values.js";
import { isStandardOutput } from "../standard-output.js";
import { REPORT } from "./compress.js";
import { setOutcome } from "../outcome.js";

interface VerifyFlags extends GateOptions, LimitOptions {
  readonly eval?: string; readonly labels?: string; readonly metric?: string; readonly emulate?: string;
  readonly across?: boolean; readonly runtimes?: readonly string[]; readonly levels?: readonly string[];
  readonly threads: number; readonly seed: number; readonly report?: readonly string[]; readonly force?: boolean;
  readonly json?: boolean; readonly quiet?: boolean; readonly debug?: boolean;
}

export function addVerify(program: Command): void {
  const command = program.command("verify")
    .argument("<original>", "the model to compare with")
    .argument("<compressed>", "the model to judge")
    .description("compare a compressed model with its original: size, fidelity, accuracy, latency")
    .option("--eval <data>", "data to run both models on; with labels, accuracy is measured (default: random feeds)")
    .option("--labels <file>", "labels for --eval, one for each sample: .npy, .json or .txt")
    .option("--metric <module>", "an ES module with the accuracy metric (default: top-1)");
  addLimitFlags(addGateFlags(command))
    .option("--emulate <device>", "compute accuracy and fidelity as a processor would that saturates int8 sums in 16 bits: x64-avx2, or a JSON file that extends it")
    .option("--across", "run the compressed model in other runtimes and at other optimization levels too, and tell where its outputs or decisions differ")
    .option("--runtimes <list>", "runtimes of --across, separated by commas: node, web (default: both)", words)
    .option("--levels <list>", "graph optimization levels of --across: all, extended, basic, disabled (default: all,basic,disabled)", words)
    .option("--threads <n>", "threads of the runtime; latency depends on it", threadCount, 1)
    .option("--seed <n>", "for random feeds", wholeNumber(0), 0)
    .option("--report <file>", REPORT, collected)
    .option("--force", "let --report replace a file that is no report of edgec")
    .option("--json", "print the report as JSON and nothing else on stdout")
    .option("--quiet", "print nothing but errors")
    .option("--debug", "show stacks of errors")
    .action(async (original: string, compressed: string, flags: VerifyFlags) => {
      const [{ verify }, { modelFiles, optionFiles }] = await Promise.all([
        import("../../pipeline/verify.js"), import("../../pipeline/files-read.js"),
      ]);
      const [{ TerminalLogger }, { printReport }, { requireReportPlaces, writeReports }] = await Promise.all([
        import("../terminal-logger.js"), import("../print-report.js"), import("../report-file.js"),
      ]);
      const { report: places = [], force = false, json = false } = flags;
      const { eval: evaluation, labels, metric, emulate, threads, seed } = flags;
      const given = { eval: evaluation, labels, metric, ...gatesOf(flags), emulate, across: acrossOf(flags), threads, seed, ...limitsOf(flags) };
      const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as VerifyOptions;
      if (places.length > 0) {
        const read = [...modelFiles(original), ...modelFiles(compressed), ...optionFiles(flags)];
        await requireReportPlaces(places, { written: [], read, force, json });
      }
      const logger = new TerminalLogger(process.stderr, { quiet: flags.quiet === true, debug: flags.debug === true });
      const report = await verify(original, compressed, { ...options, logger }).finally(() => logger.clear());
      await writeReports(places, report);
      printReport(report, { ...flags, quiet: flags.quiet === true || places.some(isStandardOutput) });
      if (!report.verdict.ok) setOutcome(EXIT.gateFailed);
    });
}

/** Naming runtimes or levels asks for it as well. */
function acrossOf({ across, runtimes, levels }: VerifyFlags): object | undefined {
  if (across !== true && runtimes === undefined && levels === undefined) return undefined;
  return { ...(runtimes === undefined ? {} : { runtimes }), ...(levels === undefined ? {} : { levels }) };
}
