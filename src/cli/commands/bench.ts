/** `edgec bench <models…>`: latency of models against each other. */
import type { Command } from "commander";
import type { LimitOptions } from "../../run-limits.js";
import { addLoadLimitFlag } from "../limit-flags.js";
import { threadCount, wholeNumber } from "../option-values.js";

interface BenchFlags extends Pick<LimitOptions, "loadLimit"> { readonly data?: string; readonly threads: number; readonly runs: number; readonly seed: number; readonly json?: boolean }

export function addBench(program: Command): void {
  const command = program.command("bench")
    .argument("<models...>", "ONNX files with the same inputs; the first is what the others are compared with")
    .description("measure the latency of models against each other, in turns in one process")
    .option("--data <data>", "inputs to run on (default: random feeds)")
    .option("--threads <n>", "threads of the runtime", threadCount, 1)
    .option("--runs <n>", "timed runs of each model", wholeNumber(1), 100);
  addLoadLimitFlag(command)
    .option("--seed <n>", "for random feeds", wholeNumber(0), 0)
    .option("--json", "print JSON")
    .action(async (models: string[], { json, ...options }: BenchFlags) => {
      const [{ bench }, { benchText }] = await Promise.all([import("../../pipeline/bench.js"), import("../../report/bench-text.js")]);
      const result = await bench(models, options);
      process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : benchText(result));
    });
}
