/**
 * `edgec inspect <model>`: shows what a model contains and costs and what passes could do with it, or
 * compares two models.
 */
import type { LimitOptions } from "../../run-limits.js";
import { Option, type Command } from "commander";
import { addLimitFlags } from "../limit-flags.js";
import { collected } from "../option-values.js";

interface InspectFlags extends LimitOptions {
  readonly json?: boolean;
  readonly nodes?: boolean;
  readonly all?: boolean;
  readonly run?: boolean;
  readonly passes?: boolean;
  readonly sort?: "bytes" | "macs" | "name";
  readonly diff?: string;
  readonly shape?: readonly string[];
  readonly dim?: readonly string[];
  readonly debug?: boolean;
}

export function addInspect(program: Command): void {
  const command = program
    .command("inspect")
    .argument("<model>", "the ONNX file")
    .description(
      "show a model's inputs, outputs, operators and layers, where its bytes are, what it " +
        "costs and what passes could do with it",
    )
    .option(
      "--shape <input=sizes>",
      "set the sizes of an input, such as image=1,3,224,224; may be repeated",
      collected,
    )
    .option(
      "--dim <symbol=size>",
      "set the size of a symbolic dimension, such as batch=1; may be repeated",
      collected,
    )
    .option("--run", "run the model on zeros to get sizes and the values of weights that are stored as codes")
    .addOption(
      new Option("--sort <key>", "sort the layers (default: bytes)").choices(["bytes", "macs", "name"]),
    )
    .option("--all", "list every layer instead of the first 20")
    .option("--nodes", "list every node by its name, for --exclude")
    .option(
      "--passes",
      "try what passes could do with each layer (default for models of up to 4 million parameters)",
    )
    .option("--no-passes", "do not try what passes could do")
    .option("--diff <other>", "compare with this model");
  addLimitFlags(command)
    .option("--json", "print JSON")
    .option("--debug", "print what runs, and stack traces")
    .action(async (path: string, flags: InspectFlags) => {
      const { runInspect } = await import("../run-inspect.js");
      await runInspect(path, flags);
    });
}
