/** `edgec sensitivity <model>`: what each node costs the outputs in int8. */
import type { Command } from "commander";
import type { SensitivityOptions } from "../../pipeline/sensitivity.js";
import { addLimitFlags } from "../limit-flags.js";
import { collected, threadCount, wholeNumber } from "../option-values.js";
import { EXCLUDE, PER_TENSOR } from "./compress.js";

type Flags = SensitivityOptions & { readonly calib: string; readonly perTensor?: boolean; readonly json?: boolean };

export function addSensitivity(program: Command): void {
  const command = program.command("sensitivity")
    .argument("<model>", "the ONNX file")
    .description("rank the nodes by what int8 of each alone costs the outputs")
    .requiredOption("--calib <data>", "calibration data without labels; a quarter of it judges")
    .option("--calibrator <method>", "how int8 ranges are chosen: minmax, percentile, entropy or mse")
    .option("--target <device>", "the device: a name that `edgec targets` lists, native for this machine, or a JSON file")
    .option("--weight-bits <n>", "bits of the weights, 2 to 8", wholeNumber(2, 8))
    .option("--per-tensor", PER_TENSOR)
    .option("--exclude <pattern>", EXCLUDE, collected)
    .option("--top <n>", "measure only so many nodes, those whose tensors take rounding worst", wholeNumber(1))
    .option("--threads <n>", "threads of the runtime", threadCount);
  addLimitFlags(command)
    .option("--seed <n>", "for what is drawn at random", wholeNumber(0), 0)
    .option("--json", "print JSON")
    .action(async (path: string, { json, perTensor, ...options }: Flags) => {
      const [{ sensitivity }, { sensitivityText }, { TerminalLogger }] = await Promise.all([import("../../pipeline/sensitivity.js"), import("../../report/sensitivity-text.js"), import("../terminal-logger.js")]);
      const logger = new TerminalLogger(process.stderr, { quiet: json === true, debug: false });
      try {
        const report = await sensitivity(path, { ...options, ...(perTensor === true ? { perChannel: false } : {}), logger });
        logger.clear();
        process.stdout.write(json === true ? `${JSON.stringify(report, null, 2)}\n` : sensitivityText(report));
      } finally {
        logger.clear();
      }
    });
}
