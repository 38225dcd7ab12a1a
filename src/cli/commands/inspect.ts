/** `edgec inspect <model>`: what a model holds and costs, and what could be done with it; or two models side by side. */
import type { LimitOptions } from "../../run-limits.js";
import { Option, type Command } from "commander";
import { addLimitFlags } from "../limit-flags.js";
import { collected } from "../option-values.js";

interface InspectFlags extends LimitOptions {
  readonly json?: boolean; readonly nodes?: boolean; readonly all?: boolean; readonly run?: boolean; readonly passes?: boolean;
  readonly sort?: "bytes" | "macs" | "name"; readonly diff?: string; readonly shape?: readonly string[]; readonly dim?: readonly string[]; readonly debug?: boolean;
}

export function addInspect(program: Command): void {
  const command = program.command("inspect")
    .argument("<model>", "the ONNX file")
    .description("show a model's inputs and outputs, operators, layers, where its bytes are, what it costs and what passes could do with it")
    .option("--shape <input=sizes>", "size of an input, such as image=1,3,224,224; may be given more than once", collected)
    .option("--dim <symbol=size>", "size of a symbolic dimension, such as batch=1; may be given more than once", collected)
    .option("--run", "take sizes from a run on zeros, and the values of weights that are stored as codes")
    .addOption(new Option("--sort <key>", "order of the layers; by bytes unless given").choices(["bytes", "macs", "name"]))
    .option("--all", "list every layer, not only the first 20")
    .option("--nodes", "list every node by name, as --exclude takes them")
    .option("--passes", "try what passes could do with each layer; done anyway for models of up to 4 million parameters")
    .option("--no-passes", "do not try what passes could do")
    .option("--diff <other>", "compare with another model");
  addLimitFlags(command)
    .option("--json", "print JSON")
    .option("--debug", "show what runs, and stacks of errors")
    .action(async (path: string, flags: InspectFlags) => {
      const { runInspect } = await import("../run-inspect.js");
      await runInspect(path, flags);
    });
}
