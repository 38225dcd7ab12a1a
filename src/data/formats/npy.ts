/** .npy: one NumPy array, for a model with one input. */
import { BadDataError } from "../../errors.js";
import { ArraySamples } from "../array-samples.js";
import { arrayDataset, type DataFormat, type GivenLabels } from "../data-format.js";
import type { Dataset, ModelInputs } from "../dataset.js";
import { plainBytes } from "../byte-source.js";
import { DataFile } from "../data-file.js";
import { sampleArray } from "../sample-array.js";

export const npyFormat: DataFormat = {
  name: ".npy",
  endings: [".npy"],
  description: "one NumPy array, for a model with one input",
  open: openNpy,
};

async function openNpy(path: string, inputs: ModelInputs, labels: GivenLabels | undefined): Promise<Dataset> {
  const [input, ...others] = inputs;
  if (!input || others.length > 0) {
    const names = inputs.map((i) => i.name).join(", ");
    throw new BadDataError(
      `${path}: a .npy file holds one input, but the model has ${inputs.length} (${names}). ` +
        "Use a .npz with one array per input.",
    );
  }
  const file = await DataFile.open(path);
  await file.close();
  const array = await sampleArray(plainBytes(path, 0, file.length), path);
  return arrayDataset(path, new ArraySamples(inputs, new Map([[input.name, array]]), path), labels);
}
