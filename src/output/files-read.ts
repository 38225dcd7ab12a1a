/** Lists every file that a run reads, from its options. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/index.js";
import { dataFiles, readModel } from "../onnx/index.js";
import { isProfilePath } from "../targets/index.js";
import { BUILT_IN_METRICS } from "../verify/index.js";
import type { FileRead } from "./file-identity.js";

/** Options that name a file to read. */
interface ReadingOptions {
  readonly calib?: string | Dataset | undefined;
  readonly eval?: string | Dataset | undefined;
  readonly labels?: string | undefined;
  readonly metric?: string | undefined;
  readonly replay?: string | undefined;
  readonly target?: unknown;
  readonly emulate?: unknown;
}

/** The files that options name, including those in data folders. */
export function optionFiles({
  calib,
  eval: evaluation,
  labels,
  metric,
  replay,
  target,
  emulate,
}: ReadingOptions): FileRead[] {
  return [
    ...dataOf(calib, "the calibration data"),
    ...dataOf(evaluation, "the evaluation data"),
    ...given(labels, "the labels file"),
    ...(metric !== undefined && Object.hasOwn(BUILT_IN_METRICS, metric) ? [] : given(metric, "the metric")),
    ...given(replay, "the report to replay"),
    ...[target, emulate].flatMap((device) =>
      typeof device === "string" && isProfilePath(device) ? given(device, "the target profile") : [],
    ),
  ];
}

/**
 * A model and its data files.
 * @param data the data files, if they are known
 */
export function modelFiles(path: string, data: readonly string[] = dataOfModel(path)): FileRead[] {
  return [
    { path, what: "the model being read", role: "model" },
    ...data.map((file): FileRead => ({
      path: file,
      what: "the data file of the model being read",
      role: "weights",
    })),
  ];
}

/** An unreadable model gives no files here: its reader reports the error. */
function dataOfModel(path: string): string[] {
  try {
    return dataFiles(readModel(path));
  } catch {
    return [];
  }
}

function given(path: string | undefined, what: string): FileRead[] {
  return path === undefined || path === "" ? [] : [{ path, what }];
}

/** An open dataset has the path of its file as its name, if there is one. */
function dataOf(data: string | Dataset | undefined, what: string): FileRead[] {
  const path = typeof data === "string" ? data : data?.name;
  return path === undefined || path === ""
    ? []
    : [{ path, what }, ...membersOf(path).map((member) => ({ path: member, what: `a part of ${what}` }))];
}

/** The tensor files of a data folder: directly in it, or in folders test_data_set_N. */
function membersOf(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const names = namesIn(folder);
  const sets = names.filter((name) => /^test_data_set_\d+$/.test(name)).map((name) => join(folder, name));
  return [
    ...names.filter((name) => name.endsWith(".pb")).map((name) => join(folder, name)),
    ...sets.flatMap((set) => namesIn(set).map((name) => join(set, name))),
  ];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
