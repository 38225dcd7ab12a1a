/**
 * The layout of ONNX's own tests: test_data_set_N folders with one input_M.pb (TensorProto) per model
 * input.
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { BadDataError, EdgecError, suggestion } from "../errors.js";
import type { Feed, Tensor } from "../ir/index.js";
import { decodeTensor } from "../onnx/tensor-file.js";
import { conform, describeInput } from "./conform.js";
import type { ModelInputs, Sample } from "./dataset.js";
import { fileBytes } from "./file-bytes.js";
import { rawOfTensor } from "./tensor-data.js";

const SET = /^test_data_set_(\d+)$/;
const INPUT = /^input_(\d+)\.pb$/;

/** The test_data_set_N folders in `folder` (or itself, when it is one) by number. */
export async function testDataSets(folder: string): Promise<string[]> {
  if (SET.test(basename(folder))) return [folder];
  return numbered(await entries(folder), SET).map((name) => join(folder, name));
}

/**
 * Reads the feed of one test_data_set folder. A tensor belongs to the input it is named after, or else to
 * its number's.
 */
export async function testDataSample(folder: string, inputs: ModelInputs): Promise<Sample> {
  const tensors = new Map<string, { tensor: Tensor; path: string }>();
  const names = inputs.map((input) => input.name);
  for (const file of numbered(await entries(folder), INPUT)) {
    const path = join(folder, file);
    const tensor = decodeTensorFile(await fileBytes(path), path);
    const number = Number(INPUT.exec(file)![1]);
    const name = names.includes(tensor.name ?? "") ? tensor.name! : names[number];
    if (name === undefined) {
      const given = tensor.name ?? "";
      const known = `${names.length} inputs (${names.join(", ")})`;
      throw new BadDataError(
        `${path}: the model has ${known}, but none has number ${number} or the name ` +
          `"${given}".${suggestion(given, names)}`,
      );
    }
    tensors.set(name, { tensor, path });
  }
  const feed: Feed = Object.fromEntries(
    inputs.map((input) => {
      const found = tensors.get(input.name);
      if (!found)
        throw new BadDataError(
          `${folder}: there is no input_N.pb for input "${input.name}" (${describeInput(input)})`,
        );
      return [input.name, conform(rawOfTensor(found.tensor), input, found.path)];
    }),
  );
  return { feed };
}

function decodeTensorFile(bytes: Uint8Array, path: string): Tensor {
  try {
    return decodeTensor(bytes);
  } catch (cause) {
    throw new BadDataError(`${path}: not a readable TensorProto: ${(cause as Error).message}`, { cause });
  }
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new EdgecError("CANNOT_READ", `cannot read ${folder}: ${(cause as Error).message}`, { cause });
  }
}

function numbered(names: readonly string[], pattern: RegExp): string[] {
  const number = (name: string): number => Number(pattern.exec(name)![1]);
  return names.filter((name) => pattern.test(name)).sort((a, b) => number(a) - number(b));
}
