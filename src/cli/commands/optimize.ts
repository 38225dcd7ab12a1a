/** `edgec optimize <model>`: the exact passes alone, for a graph of fewer nodes that computes the same. */
import type { Command } from "commander";
import { addLimitFlags } from "../limit-flags.js";
import { collected, numberWithin, threadCount, wholeNumber } from "../option-values.js";
import { EXTERNAL_DATA, FORCE, MIN_ORT, NO_EXTERNAL_DATA, OUTPUT, REPORT } from "./compress.js";

const EXAMPLES = `
Nothing lossy runs, and weights that the file holds compactly (int8 with a scale, half precision, tables, gaps) stay so. The
result is loaded, run and compared before it takes its name. Would it be larger than the model, the model's own bytes are written.

Examples:
  edgec optimize model.onnx                       writes model.edgec.onnx beside the model
  edgec optimize model.onnx -o small.onnx --json  the report as JSON`;

export function addOptimize(program: Command): void {
  const command = program.command("optimize")
    .argument("<model>", "the ONNX file")
    .description("simplify a model's graph without changing what it computes, check it, and write it")
    .option("-o, --output <file>", OUTPUT)
    .option("--force", FORCE)
    .option("--external-data", EXTERNAL_DATA)
    .option("--no-external-data", NO_EXTERNAL_DATA)
    .option("--min-ort <version>", MIN_ORT)
    .option("--eval <data>", "data to compare both models on (default: random feeds)")
    .option("--min-sqnr <db>", "fail (exit 1) when an output's signal-to-noise ratio is lower, in dB", numberWithin(-300, 300))
    .option("--no-verify", "write without loading, running and comparing");
  addLimitFlags(command)
    .option("--threads <n>", "threads of the runtime while measuring; latency depends on it", threadCount, 1)
    .option("--seed <n>", "for random feeds", wholeNumber(0), 0)
    .option("--report <file>", REPORT, collected)
    .option("--json", "print the report as JSON and nothing else on stdout")
    .option("--quiet", "print nothing but errors")
    .option("--debug", "validate between passes, show what runs, and stacks of errors")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, options: Record<string, unknown>) => {
      const { runCompress } = await import("../run-compress.js");
      const { optimize } = await import("../../pipeline/optimize.js");
      await runCompress(path, options, optimize);
    });
}
