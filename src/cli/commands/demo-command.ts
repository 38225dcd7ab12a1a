/** `edgec demo`: compresses a sample model that comes with the package. */
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { Command } from "commander";
import type { Report } from "../../report/report.js";
import { collected } from "../option-values.js";
import type { Job } from "../run-compress.js";
import { isStandardOutput } from "../standard-output.js";
import { FORCE, REPORT } from "./compress-command.js";

const ROOT = dirname(createRequire(import.meta.url).resolve("edgec/package.json"));
const fixture = (path: string): string => join(ROOT, "fixtures", path);

/**
 * A residual network that reads handwritten digits, 200 digits for calibration and 1,000 labelled ones for
 * evaluation.
 */
const SAMPLE = {
  model: fixture("models/resnet.onnx"),
  calib: fixture("digits/digits-rgb32-calib.npz"),
  eval: fixture("digits/digits-rgb32-eval.npz"),
} as const;

interface DemoFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly report?: readonly string[];
  readonly json?: boolean;
}

export function addDemo(program: Command): void {
  program
    .command("demo")
    .description("prune, quantize and check a small digit classifier that comes with edgec")
    .option("-o, --output <file>", "write to this file (default: a temporary folder, removed at the end)")
    .option("--force", FORCE)
    .option("--report <file>", REPORT, collected)
    .option("--json", "print the report as JSON and nothing else on stdout")
    .action(async (flags: DemoFlags) => {
      if (flags.output !== undefined) return runDemo({ ...flags, output: flags.output }, []);
      const { TemporaryFolder } = await import("../../onnx/index.js");
      const folder = await TemporaryFolder.create("demo");
      try {
        await runDemo({ ...flags, output: folder.file("resnet.edgec.onnx") }, [folder.path]);
      } finally {
        await folder.remove();
      }
      if (isTalking(flags))
        process.stdout.write("\nThe model was removed. To keep it, run: edgec demo -o resnet.edgec.onnx\n");
    });
}

/** @param temporary folders that no longer exist when the report is read, and their contents */
async function runDemo(
  flags: DemoFlags & { readonly output: string },
  temporary: readonly string[],
): Promise<void> {
  const [{ runCompress }, { compress }] = await Promise.all([
    import("../run-compress.js"),
    import("../../compress/compress.js"),
  ]);
  const { model, calib, eval: evaluation } = SAMPLE;
  if (isTalking(flags))
    process.stdout.write(
      `$ edgec compress ${basename(model)} --prune 0.3 --int8 --calib ${basename(calib)} ` +
        `--eval ${basename(evaluation)} --max-drop 0.005\n\n`,
    );
  const job: Job = async (path, options) => {
    const { report } = await compress(path, options);
    return {
      report: forPeople(
        temporary.length === 0 ? report : { ...report, output: basename(flags.output), written: [] },
      ),
    };
  };
  await runCompress(
    model,
    { ...flags, prune: "0.3", int8: true, calib, eval: evaluation, maxDrop: 0.005 },
    job,
  );
}

function isTalking({ json, report = [] }: DemoFlags): boolean {
  return json !== true && !report.some(isStandardOutput);
}

/**
 * The report with only the base names of the sample's files: their folder is a cache that means nothing to
 * the reader.
 */
function forPeople(report: Report): Report {
  return withoutFolders(report) as Report;
}

function withoutFolders(value: unknown): unknown {
  if (typeof value === "string")
    return Object.values(SAMPLE).reduce((text, path) => text.replaceAll(path, basename(path)), value);
  if (Array.isArray(value)) return value.map(withoutFolders);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, withoutFolders(entry)]));
}
