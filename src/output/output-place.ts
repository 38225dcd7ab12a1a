/** Checks before any work is done whether a model can be written to a path. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { DATA_FORMATS } from "../data/data-formats.js";
import { EdgecError } from "../errors.js";
import { isUrl, whyNoPlaceForFile } from "../regular-file.js";
import { option } from "../option-names.js";

/** "model.edgec.onnx" beside "model.onnx". */
export function defaultOutputPath(input: string): string {
  const extension = extname(input);
  const isModel = extension !== "" && formOf(extension) === undefined;
  return join(dirname(input), `${basename(input, extension)}.edgec${isModel ? extension : ".onnx"}`);
}

/** File extensions that mean something other than ONNX in protobuf. */
const OTHER_FORMS: Readonly<Record<string, string>> = {
  "a model in onnxruntime's own format, which onnxruntime's converter makes from an .onnx file": ".ort",
  "a model of another framework":
    ".tflite .h5 .hdf5 .keras .pt .pth .pt2 .torchscript .safetensors .gguf .ggml " +
    ".mlmodel .mlpackage .engine .plan " +
    ".trt .xml .caffemodel .rknn .dlc .hef .mnn .param",
  "a model as text": ".onnxtxt .onnxtext .onnxjson .textproto .textpb .pbtxt .prototxt",
  "a report, a text or a picture":
    ".json .jsonl .ndjson .md .markdown .html .htm .txt .csv .tsv .yaml .yml .log .pdf .svg .png .jpg .jpeg",
  data: ".npz .npy .data .pkl .pickle .parquet .tfrecord",
  "a program": ".py .js .mjs .cjs .ts .ipynb .sh .c .h .cpp",
  "an archive": ".zip .gz .tgz .tar .bz2 .xz .zst .7z .whl",
};

/**
 * Throws EdgecError CANNOT_WRITE when the name is empty or has the extension of another format, when the
 * folder is missing or read-only, and when the path is not a regular file.
 */
export async function requireModelPlace(output: string): Promise<void> {
  requireName(output);
  const irregular = whyNoPlaceForFile(output);
  if (irregular !== undefined)
    throw refusal(output, `${irregular}. Give a file name with ${option("output")}`);
  const folder = dirname(resolve(output));
  try {
    if (!(await stat(folder)).isDirectory()) throw refusal(output, `${folder} is not a folder`);
    await access(folder, constants.W_OK);
  } catch (cause) {
    if (cause instanceof EdgecError) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const reason = missing
      ? "does not exist. Create it first"
      : `is not writable. Choose another with ${option("output")}`;
    throw refusal(output, `the folder ${folder} ${reason}`, cause);
  }
}

function requireName(output: string): void {
  if (output === "" || /[/\\]$/.test(output))
    throw new EdgecError(
      "CANNOT_WRITE",
      `cannot write "${output}": the name is empty. Give a file name with ${option("output")}.`,
    );
  if (output === "-")
    throw refusal(
      output,
      "edgec reads its output back to check it, which standard output does not allow. " +
        `Give a file name with ${option("output")}, or ./- for a file of that name`,
    );
  const extension = extname(output);
  const form = formOf(extension);
  if (form !== undefined && !isUrl(output))
    throw refusal(
      output,
      `${extension} is the extension of ${form}, and edgec writes ONNX models. ` +
        `Give a name ending in .onnx with ${option("output")}`,
    );
}

function formOf(extension: string): string | undefined {
  const ending = extension.toLowerCase();
  const known = Object.entries(OTHER_FORMS).find(([, endings]) => endings.split(" ").includes(ending));
  return known?.[0] ?? (DATA_FORMATS.some(({ endings }) => endings.includes(ending)) ? "data" : undefined);
}

function refusal(output: string, reason: string, cause?: unknown): EdgecError {
  return new EdgecError("CANNOT_WRITE", `cannot write ${output}: ${reason}.`, { cause });
}
