/** Tensors of the model format as arrays of data. */
import { DataType, dataTypeName, tensorBytes, type NumericArray, type Tensor } from "../ir/index.js";
import { BadDataError } from "../errors.js";
import type { RawArray } from "./conform.js";

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
