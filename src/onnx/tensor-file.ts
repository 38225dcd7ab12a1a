/** Reads a TensorProto from a file of its own, as in test_data_set_N/input_M.pb. */
import { BadDataError } from "../errors.js";
import { elementCount, tensorBytes, type Tensor } from "../ir/index.js";
import { EXTERNAL } from "./external-data.js";
import { tensorFromWire } from "./from-wire.js";
import { decodeMessage } from "./schema.js";

/**
 * Decodes an encoded TensorProto. Refuses values in another file. Throws BadDataError, or BadModelError when
 * the bytes are malformed or the values do not fill the shape.
 */
export function decodeTensor(bytes: Uint8Array): Tensor {
  const tensor = tensorFromWire(decodeMessage("TensorProto", bytes), { folder: undefined });
  if (tensor.dataLocation === EXTERNAL)
    throw new BadDataError("its values are in another file. Save it with raw_data.");
  const strings = tensor.typed?.string;
  if (!strings) tensorBytes(tensor);
  else if (strings.length !== elementCount(tensor))
    throw new BadDataError(`the tensor holds ${strings.length} strings but needs ${elementCount(tensor)}`);
  return tensor;
}
