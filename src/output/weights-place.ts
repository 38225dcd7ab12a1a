/** Decides whether weights go into the model file or into a separate file. */
import { allTensors, byteSize, elementCount, type Model } from "../ir/index.js";
import { dataFiles, type WriteOptions } from "../onnx/index.js";

/**
 * Exporters put weights into a second file whatever their size. From this many bytes of weights on, such a
 * model stays split. Below, one file is better: a model that is moved without its data is useless.
 */
const SPLIT_FROM = 256_000_000;
/** The writer splits models that are a little larger than this, so a model from here on may be split. */
const NEAR_LIMIT = 1_500_000_000;

/**
 * @param asked the user's choice, if any
 * @param cameOutside whether the input kept weights in separate files
 * @returns the value of `WriteOptions.externalData`; undefined leaves it to the writer, which splits from 1.9
 *   GB on
 */
export function weightsPlace(
  model: Model,
  asked: boolean | undefined,
  cameOutside: boolean,
): boolean | undefined {
  return asked ?? (cameOutside ? weightBytes(model) >= SPLIT_FROM : undefined);
}

/** Whether a model made from `input` will have a data file, as far as that is known beforehand. */
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
  for (const tensor of new Set(allTensors(model)))
    bytes += byteSize(tensor.dataType, elementCount(tensor)) ?? 0;
  return bytes;
}
