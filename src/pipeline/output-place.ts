/** Whether a model can be written to a path at all, which is found out before any work is done. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { EdgecError } from "../errors.js";
import { isUrl, whyNoPlaceForFile } from "../regular-file.js";

/** "model.edgec.onnx" beside "model.onnx". */
export function defaultOutputPath(input: string): string {
  const extension = extname(input);
  const isModel = extension !== "" && formOf(extension) === undefined;
  return join(dirname(input), `${basename(input, extension)}.edgec${isModel ? extension : ".onnx"}`);
}

/** Endings of names by which people and tools take a file for something else than ONNX in protobuf. */
const OTHER_FORMS: Readonly<Record<string, string>> = {
  "a model in onnxruntime's own format, which is made of the .onnx file by onnxruntime's converter": ".ort",
  "a model of another framework":
    ".tflite .h5 .hdf5 .keras .pt .pth .pt2 .torchscript .safetensors .gguf .ggml .mlmodel .mlpackage .engine .plan " +
    ".trt .xml .caffemodel .rknn .dlc .hef .mnn .param",
  "a model as text": ".onnxtxt .onnxtext .onnxjson .textproto .textpb .pbtxt .prototxt",
  "a report, a text or a picture":
    ".json .jsonl .ndjson .md .markdown .html .htm .txt .csv .tsv .yaml .yml .log .pdf .svg .png .jpg .jpeg",
  data: ".npz .npy .data .pkl .pickle .parquet .tfrecord",
  "a program": ".py .js .mjs .cjs .ts .ipynb .sh .c .h .cpp",
  "an archive": ".zip .gz .tgz .tar .bz2 .xz .zst .7z .whl",
};

/**
 * Throws EdgecError CANNOT_WRITE when the name is none, or that of something else than an ONNX model, when the folder
 * is missing or read-only, and when what has the name is no regular file.
 */
export async function requireModelPlace(output: string): Promise<void> {
  requireName(output);
  const irregular = whyNoPlaceForFile(output);
  if (irregular !== undefined) throw refusal(output, `${irregular}. Give a file name with -o`);
  const folder = dirname(resolve(output));
  try {
    if (!(await stat(folder)).isDirectory()) throw refusal(output, `${folder} is not a folder`);
    await access(folder, constants.W_OK);
  } catch (cause) {
    if (cause instanceof EdgecError) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const reason = missing ? "does not exist. Create it first" : "cannot be written to. Choose another with -o";
    throw refusal(output, `the folder ${folder} ${reason}`, cause);
  }
}

function requireName(output: string): void {
  if (output === "" || /[/\\]$/.test(output))
    throw new EdgecError("CANNOT_WRITE", `cannot write "${output}": that names no file. Give a file name with -o.`);
  if (output === "-")
    throw refusal(
      output,
      "edgec reads back and checks what it wrote, which standard output does not allow. " +
        "Give a file name with -o, or ./- for a file of that name",
    );
  const extension = extname(output);
  const form = formOf(extension);
  if (form !== undefined && !isUrl(output))
    throw refusal(
      output,
      `${extension} is the ending of ${form}, and edgec writes ONNX models. Give a name that ends in .onnx with -o`,
    );
}

function formOf(extension: string): string | undefined {
  return Object.entries(OTHER_FORMS).find(([, known]) => known.split(" ").includes(extension.toLowerCase()))?.[0];
}

function refusal(output: string, reason: string, cause?: unknown): EdgecError {
  return new EdgecError("CANNOT_WRITE", `cannot write ${output}: ${reason}.`, { cause });
}
