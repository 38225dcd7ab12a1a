/** `edgec bench <models…>`: compares the latency of models. */
import type { Command } from "commander";
import { dataFormatsText } from "../../data/data-formats.js";
import type { LimitOptions } from "../../run-limits.js";
import { addLoadLimitFlag } from "../limit-flags.js";
import { threadCount, wholeNumber } from "../option-values.js";

interface BenchFlags extends Pick<LimitOptions, "loadLimit"> {
  readonly data?: string;
  readonly threads: number;
  readonly runs: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function addBench(program: Command): void {
  const command = program
    .command("bench")
    .argument("<models...>", "ONNX files with the same inputs; the others are compared with the first")
    .description("compare the latency of models, timed in turns in one process")
    .option("--data <data>", `run on these inputs: ${dataFormatsText()} (default: random inputs)`)
    .option("--threads <n>", "set the number of threads of the runtime", threadCount, 1)
    .option("--runs <n>", "set the number of timed runs of each model", wholeNumber(1), 100);
  addLoadLimitFlag(command)
    .option("--seed <n>", "set the seed of random inputs", wholeNumber(0), 0)
    .option("--json", "print JSON")
    .action(async (models: string[], { json, ...options }: BenchFlags) => {
      const [{ bench }, { benchText }, { TerminalLogger }] = await Promise.all([
        import("../../compare/bench.js"),
        import("../../report/bench-text.js"),
        import("../terminal-logger.js"),
      ]);
      const logger = new TerminalLogger(process.stderr, { quiet: json === true, debug: false });
      const result = await bench(models, { ...options, logger }).finally(() => logger.clear());
      process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : benchText(result));
    });
}
