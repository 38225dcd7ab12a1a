/** `edgec inspect <model>`: what a model holds, without running it. */
import type { Command } from "commander";

interface InspectFlags { readonly json?: boolean; readonly nodes?: boolean }

export function addInspect(program: Command): void {
  program.command("inspect")
    .argument("<model>", "the ONNX file")
    .description("show a model's inputs and outputs, operators, parameters and where its bytes are")
    .option("--nodes", "list every node by name, as --exclude takes them")
    .option("--json", "print JSON")
    .action(async (path: string, { json, nodes }: InspectFlags) => {
      const [{ inspect }, { inspectionText }] = await Promise.all([import("../../pipeline/inspect.js"), import("../../report/inspection-text.js")]);
      const inspection = await inspect(path);
      process.stdout.write(json ? `${JSON.stringify(inspection, null, 2)}\n` : inspectionText(inspection, { nodes: nodes === true }));
    });
}
