/** A TensorProto that is a file of its own, as in test_data_set_N/input_M.pb. */
import protobuf from "protobufjs/minimal.js";
import { BadDataError } from "../errors.js";
import { elementCount, tensorBytes, type Tensor, type TypedData } from "../ir/index.js";

/** The mutable form of `TypedData` while it is read. */
type Reading = { -readonly [Field in keyof TypedData]: NonNullable<TypedData[Field]> extends readonly (infer Item)[] ? Item[] : never };

/**
 * Decodes an encoded TensorProto. Values that lie in another file are refused.
 * Throws BadDataError, or BadModelError when the values do not fill the shape.
 */
export function decodeTensor(bytes: Uint8Array): Tensor {
  const reader = protobuf.Reader.create(bytes);
  const tensor: Tensor = { dims: [], dataType: 0 };
  const typed: Reading = {};
  try {
    while (reader.pos < reader.len) readField(reader, tensor, typed);
  } catch (cause) {
    throw new BadDataError(`the bytes are not a TensorProto: ${(cause as Error).message}`, { cause });
  }
  if (tensor.raw === undefined) tensor.typed = typed;
  if (typed.string) {
    if (typed.string.length !== elementCount(tensor)) throw new BadDataError(`the tensor holds ${typed.string.length} strings where ${elementCount(tensor)} are needed`);
  } else tensorBytes(tensor);
  return tensor;
}

const PACKED = 2;

function readField(reader: protobuf.Reader, tensor: Tensor, typed: Reading): void {
  const tag = reader.uint32();
  const wire = tag & 7;
  const repeated = <T>(into: T[], read: () => T): T[] => {
    if (wire !== PACKED) into.push(read());
    else for (const end = reader.uint32() + reader.pos; reader.pos < end;) into.push(read());
    return into;
  };
  switch (tag >>> 3) {
    case 1: repeated(tensor.dims, () => Number(reader.int64().toString())); break;
    case 2: tensor.dataType = reader.int32(); break;
    case 4: typed.float = repeated(typed.float ?? [], () => reader.float()); break;
    case 5: typed.int32 = repeated(typed.int32 ?? [], () => reader.int32()); break;
    case 6: (typed.string ??= []).push(reader.bytes()); break;
    case 7: typed.int64 = repeated(typed.int64 ?? [], () => BigInt(reader.int64().toString())); break;
    case 8: tensor.name = reader.string(); break;
    case 9: tensor.raw = reader.bytes(); break;
    case 10: typed.double = repeated(typed.double ?? [], () => reader.double()); break;
    case 11: typed.uint64 = repeated(typed.uint64 ?? [], () => BigInt(reader.uint64().toString())); break;
    case 14:
      if (reader.int32() === 1) throw new Error("its values lie in another file; save it with raw_data");
      break;
    default: reader.skipType(wire);
  }
}
