/** .jsonl: an object on each line, with values by input name. */
import { streamedDataset, type DataFormat } from "../data-format.js";
import { jsonlSamples } from "../readers/jsonl.js";

export const jsonlFormat: DataFormat = {
  name: ".jsonl",
  endings: [".jsonl", ".ndjson"],
  description: "a JSON object on each line: values by input name, and `label` if there is one",
  open: (path, inputs, labels) => streamedDataset(path, () => jsonlSamples(path, inputs), labels),
};
