/** How edgec knows files that it wrote, so that a run may replace what an earlier one left and nothing else. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { Model } from "../ir/index.js";
import { dataLocations, readModel } from "../onnx/index.js";
import { MARKDOWN_MARK } from "../report/markdown.js";
import { VERSION } from "../version.js";

/** Key of an entry in the model's metadata. */
const KEY = "edgec.version";
/** A report is text about one model; what is larger is none. Bytes. */
const LARGEST_REPORT = 2 ** 28;
const PIECE = 2 ** 20;

/** Writes the version of edgec into the model's metadata, in place of an earlier one. */
export function markModel(model: Model): void {
  const entries = model.metadata ?? [];
  const isThere = entries.some(({ key }) => key === KEY);
  model.metadata = isThere
    ? entries.map((entry) => (entry.key === KEY ? { ...entry, value: VERSION } : entry))
    : [...entries, { key: KEY, value: VERSION }];
}

/** Whether the file at `path` is a model with the mark; with `data`, one that also keeps weights in that file beside it. */
export function isMarkedModel(path: string, data?: string): boolean {
  try {
    const model = readModel(path);
    const isMarked = model.metadata?.some(({ key }) => key === KEY) === true;
    return isMarked && (data === undefined || dataLocations(model).includes(basename(data)));
  } catch {
    return false;
  }
}

/** Whether the file at `path` is a report, as JSON or as Markdown. */
export function isReport(path: string): boolean {
  try {
    if (statSync(path).size > LARGEST_REPORT) return false;
    const text = readFileSync(path, "utf8");
    return text.trimEnd().endsWith(MARKDOWN_MARK) || isReportJson(text);
  } catch {
    return false;
  }
}

function isReportJson(text: string): boolean {
  if (!text.trimStart().startsWith("{")) return false;
  const { schemaVersion, edgec, verdict } = JSON.parse(text) as Record<string, unknown>;
  return (
    typeof schemaVersion === "number" && typeof edgec === "string" && typeof verdict === "object" && verdict !== null
  );
}

/** Whether two files hold the same bytes: replacing one by the other loses nothing. */
export function isEqualFile(a: string, b: string): boolean {
  const files: number[] = [];
  try {
    for (const path of [a, b]) files.push(openSync(path, "r"));
    const [first = 0, second = 0] = files;
    const size = fstatSync(first).size;
    if (fstatSync(second).size !== size) return false;
    const pieces = [Buffer.alloc(PIECE), Buffer.alloc(PIECE)] as const;
    for (let at = 0; at < size;) {
      const got = readSync(first, pieces[0], 0, PIECE, at);
      if (
        got === 0 ||
        readSync(second, pieces[1], 0, got, at) !== got ||
        !pieces[0].subarray(0, got).equals(pieces[1].subarray(0, got))
      )
        return false;
      at += got;
    }
    return true;
  } catch {
    return false;
  } finally {
    for (const file of files) closeSync(file);
  }
}
