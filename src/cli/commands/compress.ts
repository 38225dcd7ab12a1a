/** `edgec compress <model>`: the main job. Flags of passes come from the registry. */
import type { Command } from "commander";
import { addGateFlags } from "../gate-flags.js";
import { addLimitFlags } from "../limit-flags.js";
import { collected, duration, threadCount, wholeNumber } from "../option-values.js";
import { addPassFlags } from "../pass-flags.js";

/** Help of options that `optimize` has too. */
export const OUTPUT = "where to write (default: <model>.edgec.onnx beside the model)";
export const FORCE =
  "replace files that edgec did not write, and allow -o to be the model itself; nothing else that is read is replaced";
export const REPORT =
  "write the report as JSON, or as Markdown for a name ending in .md; - is standard output; may be repeated";
export const EXTERNAL_DATA =
  "write weights to <output>.data beside the model; automatic from 1.9 GB on, and from 256 MB on for a model that has " +
  "them outside";
export const NO_EXTERNAL_DATA = "write weights into the model, up to the 2 GiB of a protobuf file";
export const MIN_ORT = "the oldest onnxruntime that must run the result, such as 1.16";

/** Help of options that `sensitivity` has too. */
export const PER_TENSOR = "one scale for each int8 weight, for accelerators that take no scale per channel";
export const EXCLUDE = "leave nodes or constants as they are: a name, an operator type, #index, or a pattern with * and ?; may be repeated";

/** Options of `compress` and `demo` alike. */
export function addRunOptions(command: Command): Command {
  command
    .option("--calibrator <method>", "how int8 ranges are chosen: minmax, percentile, entropy or mse")
    .option("--effort <level>", "time spent on the accuracy of int8: fast, balanced (default) or best")
    .option("--keep-int8", "keep int8 arithmetic even where it is slower than float here, for a device where it pays")
    .option("--time-budget <time>", "how long to search for nodes to leave in float, such as 90s or 5m (default: 90s)", duration)
    .option("--replay <report>", "repeat the decisions of an earlier run's JSON report without a search")
    .option("--per-tensor", PER_TENSOR)
    .option("--weight-bits <n>", "bits of int8's weights, 2 to 8: 4 halves the file again at the speed of int8; give --calib with it", wholeNumber(2, 8))
    .option("--exclude <pattern>", EXCLUDE, collected)
    .option("--passes <list>", "run these passes in this order, separated by commas, instead of the recipe")
    .option("--target <device>", "the device: a name that `edgec targets` lists, native for this machine, or a JSON file (default: generic, right everywhere)")
    .option("--min-ort <version>", MIN_ORT);
  return addLimitFlags(addGateFlags(command))
    .option("--threads <n>", "threads of the runtime; latency depends on it (default: 1, or the target's; up to 8 for what only learns)", threadCount)
    .option("--seed <n>", "for everything that is drawn at random", wholeNumber(0), 0)
    .option("--report <file>", REPORT, collected)
    .option("--json", "print the report as JSON and nothing else on stdout")
    .option("--explain", "print the decision on every node with its reason")
    .option("--quiet", "print nothing but errors")
    .option("--debug", "validate between passes, show what runs, and stacks of errors");
}

const EXAMPLES = `
--storage int8 keeps float weights as int8 and computes in float: a quarter of the size at the speed of float.

Examples:
  edgec compress model.onnx                                          exact clean-up and storage, nothing lossy
  edgec compress model.onnx --int8 --calib inputs.npz                int8 arithmetic, ranges from your inputs
  edgec compress model.onnx --prune 0.8 --cluster 16 --calib in.npz  the smallest file at the speed of float`;

export function addCompress(program: Command): void {
  const command = program.command("compress")
    .argument("<model>", "the ONNX file")
    .description("make a model smaller and faster, check it against the original, and write it")
    .option("-o, --output <file>", OUTPUT)
    .option("--force", FORCE)
    .option("--external-data", EXTERNAL_DATA)
    .option("--no-external-data", NO_EXTERNAL_DATA);
  addPassFlags(command);
  command
    .option("--calib <data>", "calibration data without labels: .npz, .npy, .jsonl, .mjs or a folder of test_data_set_N")
    .option("--eval <data>", "data to compare both models on; with labels, accuracy is measured")
    .option("--labels <file>", "labels for --eval, one for each sample: .npy, .json or .txt")
    .option("--metric <module>", "an ES module with the accuracy metric (default: top-1)")
    .option("--no-safe", "fail when a pass breaks the model, instead of leaving that pass out")
    .option("--no-verify", "write without loading, running and comparing");
  addRunOptions(command).addHelpText("after", EXAMPLES).action(async (path: string, options: Record<string, unknown>) => {
    const { runCompress } = await import("../run-compress.js");
    await runCompress(path, options);
  });
}
