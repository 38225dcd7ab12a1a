/**
 * The layout of ONNX's own tests: test_data_set_N folders with one input_M.pb (TensorProto) per model
 * input.
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { BadDataError, EdgecError, suggestion } from "../../errors.js";
import {
  DataType,
  dataTypeName,
  type Feed,
  type NumericArray,
  type Tensor,
  tensorBytes,
} from "../../ir/index.js";
import { decodeTensor } from "../../onnx/tensor-file.js";
import { conform, describeInput, type RawArray } from "../conform.js";
import type { ModelInputs, Sample } from "../dataset.js";
import { fileBytes } from "../file-bytes.js";

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

type ArrayOver = (buffer: ArrayBuffer) => NumericArray;

const VIEWS: Readonly<Record<number, ArrayOver>> = {
  [DataType.FLOAT]: (b) => new Float32Array(b),
  [DataType.DOUBLE]: (b) => new Float64Array(b),
  [DataType.INT8]: (b) => new Int8Array(b),
  [DataType.UINT8]: (b) => new Uint8Array(b),
  [DataType.BOOL]: (b) => new Uint8Array(b),
  [DataType.INT16]: (b) => new Int16Array(b),
  [DataType.UINT16]: (b) => new Uint16Array(b),
  [DataType.FLOAT16]: (b) => new Uint16Array(b),
  [DataType.BFLOAT16]: (b) => new Uint16Array(b),
  [DataType.INT32]: (b) => new Int32Array(b),
  [DataType.UINT32]: (b) => new Uint32Array(b),
  [DataType.INT64]: (b) => new BigInt64Array(b),
  [DataType.UINT64]: (b) => new BigUint64Array(b),
};

/** Copies the tensor's values out. Throws BadDataError for element types that cannot be fed. */
export function rawOfTensor(tensor: Tensor): RawArray {
  const { dataType, dims } = tensor;
  if (dataType === DataType.STRING) {
    return {
      dims,
      dataType,
      data: (tensor.typed?.string ?? []).map((bytes) => new TextDecoder().decode(bytes)),
    };
  }
  const view = VIEWS[dataType];
  if (!view)
    throw new BadDataError(
      `tensor "${tensor.name ?? ""}" of type ${dataTypeName(dataType)} cannot be fed to a model`,
    );
  return { dims, dataType, data: view(new Uint8Array(tensorBytes(tensor)).buffer) };
}
