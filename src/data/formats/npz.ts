/** .npz: NumPy archives with an array for each input, and "labels" if there are any. */
import { BadDataError, suggestion } from "../../errors.js";
import { ArraySamples } from "../array-samples.js";
import { describeInput } from "../conform.js";
import { arrayDataset, type DataFormat, type GivenLabels } from "../data-format.js";
import type { Dataset, ModelInputs } from "../dataset.js";
import { labelsOfArray } from "../labels.js";
import { KEPT_BYTES, sampleArray, wholeArray, type SampleArray } from "../sample-array.js";

export const npzFormat: DataFormat = {
  name: ".npz",
  endings: [".npz"],
  description: "a NumPy archive with an array named as each input, and `labels` if there are any",
  open: openNpz,
};

async function openNpz(path: string, inputs: ModelInputs, given: GivenLabels | undefined): Promise<Dataset> {
  // Loaded here, as help loads every format.
  const { npzArrays } = await import("../readers/npz.js");
  const members = await npzArrays(path);
  const names = [...members.keys()];
  const arrays = new Map<string, SampleArray>();
  for (const input of inputs) {
    const member = members.get(input.name);
    if (!member) {
      throw new BadDataError(
        `${path}: there is no array "${input.name}" for the input of that name ` +
          `(${describeInput(input)}). The file has ` +
          `${names.join(", ") || "no arrays"}.${suggestion(input.name, names)}`,
      );
    }
    const where = `${path}: array "${input.name}"`;
    arrays.set(input.name, await sampleArray(await member(), where, KEPT_BYTES / inputs.length));
  }
  const labelsAreInput = inputs.some((input) => input.name === "labels");
  const own = given === undefined && !labelsAreInput ? members.get("labels") : undefined;
  const where = `${path}: array "labels"`;
  const labels = own
    ? { path: where, values: labelsOfArray(await wholeArray(await own(), where), where) }
    : given;
  return arrayDataset(path, new ArraySamples(inputs, arrays, path), labels);
}
