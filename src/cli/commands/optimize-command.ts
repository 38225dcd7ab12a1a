/** `edgec optimize <model>`: runs only the exact passes, for fewer nodes and the same results. */
import type { Command } from "commander";
import { dataFormatsText } from "../../data/data-formats.js";
import { addLimitFlags } from "../limit-flags.js";
import { collected, numberWithin, threadCount, wholeNumber } from "../option-values.js";
import { EXTERNAL_DATA, FORCE, MIN_ORT, NO_EXTERNAL_DATA, OUTPUT, REPORT } from "./compress-command.js";

const EXAMPLES = `
No lossy pass runs, and weights stay in compact form (int8 with a scale, half precision, tables, gaps) if they have it.
The result is loaded, run and compared before it replaces anything. If it would be larger than the model, the model's
own bytes are written.

Examples:
  edgec optimize model.onnx                       writes model.edgec.onnx beside the model
  edgec optimize model.onnx -o small.onnx --json  the report as JSON`;

export function addOptimize(program: Command): void {
  const command = program
    .command("optimize")
    .argument("<model>", "the ONNX file")
    .description("simplify a model's graph without changing its results, check it, and write it")
    .option("-o, --output <file>", OUTPUT)
    .option("--force", FORCE)
    .option("--external-data", EXTERNAL_DATA)
    .option("--no-external-data", NO_EXTERNAL_DATA)
    .option("--min-ort <version>", MIN_ORT)
    .option(
      "--eval <data>",
      `compare both models on this data: ${dataFormatsText()} (default: random inputs)`,
    )
    .option(
      "--min-sqnr <db>",
      "fail (exit 1) when the signal-to-noise ratio of an output is lower than this, in dB",
      numberWithin(-300, 300),
    )
    .option("--no-verify", "write without running and comparing the models");
  addLimitFlags(command)
    .option("--threads <n>", "set the number of threads of the runtime", threadCount, 1)
    .option("--seed <n>", "set the seed of random inputs", wholeNumber(0), 0)
    .option("--packed-sizes", "also measure the sizes after gzip and brotli: takes seconds for each 10 MB")
    .option("--report <file>", REPORT, collected)
    .option("--json", "print the report as JSON and nothing else on stdout")
    .option("--explain", "print why each fusion that nearly matched did not apply")
    .option("--quiet", "print only errors")
    .option("--debug", "validate between passes, print what runs, and print stack traces")
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, options: Record<string, unknown>) => {
      const { runCompress } = await import("../run-compress.js");
      const { optimize } = await import("../../compress/optimize.js");
      await runCompress(path, options, optimize);
    });
}
