/** `edgec demo`: the main job on a sample that comes with the package. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

const fixture = (path: string): string => fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url));

/** A residual network that reads handwritten digits, 200 digits to calibrate on and 1,000 labelled ones to check. */
const SAMPLE = {
  model: "models/resnet.onnx",
  calib: "digits/digits-rgb32-calib.npz",
  eval: "digits/digits-rgb32-eval.npz",
} as const;

export function addDemo(program: Command): void {
  program.command("demo")
    .description("prune, quantize and check a small digit reader that comes with edgec")
    .option("-o, --output <file>", "where to write (default: a folder for temporary files)")
    .option("--report <file>", "write the report as JSON, or as Markdown for a name ending in .md")
    .option("--json", "print the report as JSON and nothing else on stdout")
    .action(async (options: { output?: string; report?: string; json?: boolean }) => {
      const { runCompress } = await import("../run-compress.js");
      const output = options.output ?? join(await mkdtemp(join(tmpdir(), "edgec-demo-")), "resnet.edgec.onnx");
      if (options.json !== true) process.stdout.write(`$ edgec compress resnet.onnx --prune 0.3 --int8 --calib ${SAMPLE.calib} --eval ${SAMPLE.eval} --max-drop 0.005\n\n`);
      await runCompress(fixture(SAMPLE.model), {
        ...options, output, prune: "0.3", int8: true, calib: fixture(SAMPLE.calib), eval: fixture(SAMPLE.eval), maxDrop: 0.005,
      });
    });
}
