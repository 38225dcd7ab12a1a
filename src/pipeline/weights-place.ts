/** Whether weights are written into the model's file or into one beside it. */
import { allTensors, byteSize, elementCount, type Model } from "../ir/index.js";
import { dataFiles, type WriteOptions } from "../onnx/index.js";

/**
 * Exporters put weights into a second file whatever their size. Bytes of weights from which on a model that came so
 * stays so: a file that is moved without its data is of no use, and one of this size is still read at once.
 */
const SPLIT_FROM = 256_000_000;
/** From here on writing splits every model by itself, or would if it grew a little. */
const NEAR_LIMIT = 1_500_000_000;

/**
 * @param asked what the user wants
 * @param cameOutside whether the input kept weights in files of their own
 * @returns as `WriteOptions.externalData`; undefined leaves it to the writer, which splits from 1.9 GB on
 */
export function weightsPlace(model: Model, asked: boolean | undefined, cameOutside: boolean): boolean | undefined {
  return asked ?? (cameOutside ? weightBytes(model) >= SPLIT_FROM : undefined);
}

/** Whether a model made of `input` will have a data file, as far as that is known before it is made. */
export function willSplit(input: Model, asked: boolean | undefined): "will" | "may" | "not" {
  if (asked !== undefined) return asked ? "will" : "not";
  const isLarge = weightBytes(input) >= (dataFiles(input).length > 0 ? SPLIT_FROM : NEAR_LIMIT);
  return isLarge ? "will" : "may";
}

export function writeOptions(externalData: boolean | undefined): WriteOptions {
  return externalData === undefined ? {} : { externalData };
}

function weightBytes(model: Model): number {
  let bytes = 0;
  for (const tensor of new Set(allTensors(model))) bytes += byteSize(tensor.dataType, elementCount(tensor)) ?? 0;
  return bytes;
}
