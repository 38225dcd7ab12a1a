/**
 * Every form of data for a model. The single place to add one: what `--calib`, `--eval`, `--data` and
 * `openDataset` take, their help and messages, names that no model may be written to, and the documentation
 * derive from this array.
 */
import type { DataFormat } from "./data-format.js";
import { jsonlFormat } from "./formats/jsonl.js";
import { npyFormat } from "./formats/npy.js";
import { npzFormat } from "./formats/npz.js";
import { testDataFormat } from "./formats/test-data.js";
import { moduleFormat } from "./formats/user-module.js";

export const DATA_FORMATS: readonly DataFormat[] = [
  npzFormat,
  npyFormat,
  jsonlFormat,
  moduleFormat,
  testDataFormat,
];

/** ".npz, .npy, .jsonl, .mjs or a folder of test_data_set_N" */
export function dataFormatsText(formats = DATA_FORMATS): string {
  const names = formats.map(({ name }) => name);
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
