/** Folders of test_data_set_N, as ONNX's own tests have them. */
import { streamedDataset, type DataFormat, type GivenLabels } from "../data-format.js";
import type { Dataset, ModelInputs, Sample } from "../dataset.js";

export const testDataFormat: DataFormat = {
  name: "a folder of test_data_set_N",
  endings: [],
  description: "the layout of ONNX's own tests: `test_data_set_N/input_M.pb`",
  acceptsFolder: async (path) => (await (await reader()).testDataSets(path)).length > 0,
  open: openTestData,
};

/** Loaded when it is needed, as help loads every format and this needs protobuf. */
const reader = (): Promise<typeof import("../readers/test-data-sets.js")> =>
  import("../readers/test-data-sets.js");

async function openTestData(
  path: string,
  inputs: ModelInputs,
  labels: GivenLabels | undefined,
): Promise<Dataset> {
  const { testDataSample, testDataSets } = await reader();
  const folders = await testDataSets(path);
  const samples = async function* (): AsyncGenerator<Sample> {
    for (const folder of folders) yield await testDataSample(folder, inputs);
  };
  const dataset = await streamedDataset(path, samples, labels);
  return {
    name: dataset.name,
    size: folders.length,
    hasLabels: dataset.hasLabels,
    samples: () => dataset.samples(),
  };
}
