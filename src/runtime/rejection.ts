/** onnxruntime's error texts, made readable: without build paths and C++ signatures, naming the node first. */
import { dirname } from "node:path";
import { BadDataError, EdgecError } from "../errors.js";
import { dataTypeName } from "../ir/index.js";

const LONGEST = 600;

/** What onnxruntime says when the feed, not the model, is at fault. */
const FEED_PROBLEMS = /^(Got invalid dimensions for input|Invalid rank for input|Unexpected input data type|input '.*' is missing in 'feeds')/;

const CLEANINGS: readonly (readonly [RegExp, string])[] = [
  [/^failed to call OrtRun\(\)\.\s*|^Can't create a session\.\s*/, ""],
  [/ERROR_CODE: \d+, ERROR_MESSAGE: /, ""],
  [/^Load model from .*? failed: ?/, ""],
  [/\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : /g, ""],
  // "/build/onnxruntime/core/x.cc:91 void onnxruntime::Class::Method(const A&, B) condition was false. Words"
  [/\S+\.(?:cc|cpp|h):\d+ [^()]*\([^()]*\)(?: const)? ?/g, ""],
  // "tensorprotoutils.cc:461 ValidateExternalDataPathFromDir External data path does not exist"
  [/\b\w+\.(?:cc|cpp|h):\d+ [A-Z]\w+ (?=[A-Z])/g, ""],
  [/^Exception during initialization: /, ""],
  [/Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: /, 'node "$2" ($1): '],
  [/This is an invalid model\. In Node, \("([^"]*)", ([^,]+), .*? , Error /, 'node "$1" ($2): '],
  [/Node \(([^)]*)\) Op \(([^)]*)\) \[(?:Type|Shape)InferenceError\] /, 'node "$1" ($2): '],
  [/\s+/g, " "],
];

/** The words of an onnxruntime error in one line of bounded length. */
export function cleanWords(message: string): string {
  const cleaned = CLEANINGS.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), message).trim();
  return cleaned.length > LONGEST ? `${cleaned.slice(0, LONGEST)}…` : cleaned;
}

/**
 * The EdgecError for what onnxruntime threw: BAD_DATA when the feed does not fit the model, CANNOT_READ when there is no
 * such file, else MODEL_REJECTED.
 * @param where the model, as messages name it
 * @param doing "load" or "run"
 * @param model what was loaded; its path may be one that the user does not know, and gives way to `where`
 */
export function rejection(
  cause: unknown, where: string, doing: "load" | "run", model?: string | Uint8Array,
): EdgecError {
  if (cause instanceof EdgecError) return cause;
  const words = cleanWords(renamed(cause instanceof Error ? cause.message : String(cause), where, model));
  if (doing === "run" && FEED_PROBLEMS.test(words)) {
    return new BadDataError(`${where}: the data does not fit the model: ${words}`, { cause });
  }
  if (doing === "load" && words.endsWith("File doesn't exist")) return new EdgecError("CANNOT_READ", `cannot read ${where}: there is no such file`, { cause });
  return new EdgecError("MODEL_REJECTED", `${where}: onnxruntime cannot ${doing} the model: ${words}${adviceOn(words)}`, { cause });
}

/** External data lies in the model's folder, which words may name without the model. */
function renamed(message: string, where: string, model: string | Uint8Array | undefined): string {
  if (typeof model !== "string" || model === where) return message;
  const folder = dirname(model);
  const named = message.replaceAll(model, where);
  return folder === "." || folder === "/" ? named : named.replaceAll(folder, dirname(where));
}

function adviceOn(words: string): string {
  const type = /unsupported data type: (\d+)/i.exec(words);
  if (type) return `. An input or output is ${dataTypeName(Number(type[1]))}, which its JavaScript API cannot pass: put a Cast next to it`;
  if (words.includes('not a registered function/op')) return ". Custom operators are not supported";
  return "";
}
