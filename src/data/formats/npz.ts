/** .npz: NumPy archives with an array for each input, and "labels" if there are any. */
import { BadDataError, suggestion } from "../../errors.js";
import { ArraySamples } from "../array-samples.js";
import { describeInput, type RawArray } from "../conform.js";
import { arrayDataset, type DataFormat, type GivenLabels } from "../data-format.js";
import type { Dataset, ModelInputs } from "../dataset.js";
import { fileBytes } from "../file-bytes.js";
import { labelsOfArray } from "../labels.js";

export const npzFormat: DataFormat = {
  name: ".npz",
  endings: [".npz"],
  description: "a NumPy archive with an array named as each input, and `labels` if there are any",
  open: openNpz,
};

async function openNpz(path: string, inputs: ModelInputs, given: GivenLabels | undefined): Promise<Dataset> {
  // Loaded here, as help loads every format.
  const { npzArray, npzNames } = await import("../npz.js");
  const bytes = await fileBytes(path);
  const names = npzNames(bytes, path);
  const arrays = new Map<string, RawArray>();
  for (const input of inputs) {
    if (!names.includes(input.name)) {
      throw new BadDataError(
        `${path}: there is no array "${input.name}" for the input of that name ` +
          `(${describeInput(input)}). The file has ` +
          `${names.join(", ") || "no arrays"}.${suggestion(input.name, names)}`,
      );
    }
    arrays.set(input.name, npzArray(bytes, input.name, path));
  }
  const labelsAreInput = inputs.some((input) => input.name === "labels");
  const own = given === undefined && !labelsAreInput && names.includes("labels");
  const where = `${path}: array "labels"`;
  const labels = own ? { path: where, values: labelsOfArray(npzArray(bytes, "labels", path), where) } : given;
  return arrayDataset(path, new ArraySamples(inputs, arrays, path), labels);
}
