/** `edgec compress <model>`: the main job. Flags of passes come from the registry. */
import type { Command } from "commander";
import { dataFormatsText } from "../../data/data-formats.js";
import { addGateFlags } from "../gate-flags.js";
import { addLimitFlags } from "../limit-flags.js";
import { collected, duration, threadCount, wholeNumber } from "../option-values.js";
import { addPassFlags } from "../pass-flags.js";
import { reportFormatsText } from "../../report/report-formats.js";

/** Help of options shared with `optimize`. */
export const OUTPUT = "write to this file (default: <model>.edgec.onnx beside the model)";
export const FORCE =
  "replace files that edgec did not write, and allow -o to name the model itself; " +
  "other files that are read are never replaced";
export const REPORT = `write the report as ${reportFormatsText()}; - is standard output; may be repeated`;
export const EXTERNAL_DATA =
  "write weights to <output>.data beside the model; automatic from 1.9 GB, or from " +
  "256 MB if the input has them " +
  "in a separate file";
export const NO_EXTERNAL_DATA = "write weights into the model, up to the 2 GiB of a protobuf file";
const PACKED_SIZES =
  "also measure the sizes after gzip and brotli, and what pruning did to them: takes seconds for each 10 MB";
export const MIN_ORT = "set the oldest onnxruntime that must run the result, such as 1.16";

/** Help of options shared with `sensitivity`. */
export const PER_TENSOR = "use one scale per int8 weight, for accelerators without per-channel scales";
export const EXCLUDE =
  "leave these nodes or constants unchanged: a name, an operator type, #index, or a " +
  "pattern with * and ?; may be repeated";

/** Options shared by `compress` and `demo`. */
function addRunOptions(command: Command): Command {
  command
    .option("--calibrator <method>", "choose how int8 ranges are set: minmax, percentile, entropy or mse")
    .option(
      "--effort <level>",
      "choose how much time to spend on int8 accuracy: fast, balanced (default) or best",
    )
    .option("--keep-int8", "keep int8 arithmetic even where it is slower than float on this machine")
    .option("--no-floor", "leave all layers in int8, however much accuracy that loses")
    .option(
      "--time-budget <time>",
      "limit the search for nodes to leave in float, such as 90s or 5m (default: 90s)",
      duration,
    )
    .option("--replay <report>", "repeat the decisions of an earlier JSON report without searching")
    .option("--per-tensor", PER_TENSOR)
    .option(
      "--weight-bits <n>",
      "set the bits of int8 weights, 2 to 8: 4 halves the file again at the speed of int8; needs --calib",
      wholeNumber(2, 8),
    )
    .option("--exclude <pattern>", EXCLUDE, collected)
    .option("--passes <list>", "run these passes in this order instead of the recipe, separated by commas")
    .option(
      "--target <device>",
      "set the device: a name from `edgec targets`, native for this machine, or a JSON " +
        "file (default: generic, correct on any device)",
    )
    .option("--min-ort <version>", MIN_ORT);
  return addLimitFlags(addGateFlags(command))
    .option(
      "--threads <n>",
      "set the number of threads of the runtime (default: 1, or the target's; calibration uses up to 8)",
      threadCount,
    )
    .option("--seed <n>", "set the random seed", wholeNumber(0), 0)
    .option("--packed-sizes", PACKED_SIZES)
    .option("--report <file>", REPORT, collected)
    .option("--json", "print the report as JSON and nothing else on stdout")
    .option(
      "--explain",
      "print the decision for every node with its reason, and why fusions that nearly matched did not",
    )
    .option("--quiet", "print only errors")
    .option("--debug", "validate between passes, print what runs, and print stack traces");
}

const EXAMPLES = `
--storage int8 stores float weights as int8 and computes in float: a quarter of the size at the speed of float.

Examples:
  edgec compress model.onnx                                          exact passes only
  edgec compress model.onnx --int8 --calib inputs.npz                int8 arithmetic, ranges from your inputs
  edgec compress model.onnx --prune 0.8 --cluster 16 --calib in.npz  the smallest file at the speed of float`;

export function addCompress(program: Command): void {
  const command = program
    .command("compress")
    .argument("<model>", "the ONNX file")
    .description("make a model smaller and faster, check it against the original, and write it")
    .option("-o, --output <file>", OUTPUT)
    .option("--force", FORCE)
    .option("--external-data", EXTERNAL_DATA)
    .option("--no-external-data", NO_EXTERNAL_DATA);
  addPassFlags(command);
  command
    .option("--calib <data>", `calibrate on this data, without labels: ${dataFormatsText()}`)
    .option("--eval <data>", "compare both models on this data; with labels, accuracy is measured")
    .option("--labels <file>", "read labels for --eval from this file, one per sample: .npy, .json or .txt")
    .option("--metric <module>", "measure accuracy with this ES module (default: top-1)")
    .option("--no-safe", "fail when a pass breaks the model, instead of skipping that pass")
    .option("--no-verify", "write without running and comparing the models");
  addRunOptions(command)
    .addHelpText("after", EXAMPLES)
    .action(async (path: string, options: Record<string, unknown>) => {
      const { runCompress } = await import("../run-compress.js");
      await runCompress(path, options);
    });
}
