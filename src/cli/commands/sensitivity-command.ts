/** `edgec sensitivity <model>`: measures how much each node in int8 costs the outputs. */
import type { Command } from "commander";
import { dataFormatsText } from "../../data/data-formats.js";
import type { SensitivityOptions } from "../../compare/sensitivity.js";
import { addLimitFlags } from "../limit-flags.js";
import { collected, threadCount, wholeNumber } from "../option-values.js";
import { EXCLUDE, PER_TENSOR } from "./compress-command.js";

type Flags = SensitivityOptions & {
  readonly calib: string;
  readonly perTensor?: boolean;
  readonly json?: boolean;
};

export function addSensitivity(program: Command): void {
  const command = program
    .command("sensitivity")
    .argument("<model>", "the ONNX file")
    .description("rank nodes by how much the outputs lose when only that node is in int8")
    .requiredOption(
      "--calib <data>",
      `calibrate on this data, without labels: ${dataFormatsText()}; a quarter of it is held out for scoring`,
    )
    .option("--calibrator <method>", "choose how int8 ranges are set: minmax, percentile, entropy or mse")
    .option(
      "--target <device>",
      "set the device: a name from `edgec targets`, native for this machine, or a JSON file",
    )
    .option("--weight-bits <n>", "set the bits of the weights, 2 to 8", wholeNumber(2, 8))
    .option("--per-tensor", PER_TENSOR)
    .option("--exclude <pattern>", EXCLUDE, collected)
    .option("--top <n>", "measure only the n nodes whose tensors lose most by rounding", wholeNumber(1))
    .option("--threads <n>", "set the number of threads of the runtime", threadCount);
  addLimitFlags(command)
    .option("--seed <n>", "set the random seed", wholeNumber(0), 0)
    .option("--json", "print JSON")
    .action(async (path: string, { json, perTensor, ...options }: Flags) => {
      const [{ sensitivity }, { sensitivityText }, { TerminalLogger }] = await Promise.all([
        import("../../compare/sensitivity.js"),
        import("../../report/sensitivity-text.js"),
        import("../terminal-logger.js"),
      ]);
      const logger = new TerminalLogger(process.stderr, { quiet: json === true, debug: false });
      try {
        const report = await sensitivity(path, {
          ...options,
          ...(perTensor === true ? { perChannel: false } : {}),
          logger,
        });
        logger.clear();
        process.stdout.write(
          json === true ? `${JSON.stringify(report, null, 2)}\n` : sensitivityText(report),
        );
      } finally {
        logger.clear();
      }
    });
}
