/** .mjs: the user's ES module that yields feeds. */
import { streamedDataset, type DataFormat } from "../data-format.js";
import { moduleSamples } from "../readers/user-module.js";

export const moduleFormat: DataFormat = {
  name: ".mjs",
  endings: [".mjs", ".js"],
  description: "an ES module whose default export yields feeds",
  open: async (path, inputs, labels) => streamedDataset(path, await moduleSamples(path, inputs), labels),
};
