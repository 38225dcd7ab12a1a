/** The dense-tensor case of TypeProto, parsed out of its opaque bytes and written back into them. */
import protobuf from "protobufjs/light.js";
import type { Dimension, TensorType } from "../ir/index.js";
import { decodeMessage, encodeMessage } from "./schema.js";
import { fromBigInt, toBigInt, type WireLong } from "./wire.js";

interface WireDimension { dimValue?: WireLong; dimParam?: string }
interface WireTensorType { elemType?: number; shape?: { dim?: WireDimension[] } }

/** Tag of TypeProto's field 1, tensor_type, length-delimited. */
const TENSOR_TYPE_TAG = 0x0a;

/** Element type and shape when the type is a dense tensor, else undefined. */
export function readTensorType(bytes: Uint8Array): TensorType | undefined {
  if (bytes[0] !== TENSOR_TYPE_TAG) return undefined;
  const reader = protobuf.Reader.create(bytes);
  reader.uint32();
  const wire: WireTensorType = decodeMessage("TypeProto.Tensor", reader.bytes());
  const hasShape = Object.hasOwn(wire, "shape") && wire.shape;
  return { elementType: wire.elemType ?? 0, ...(hasShape ? { shape: (wire.shape?.dim ?? []).map(dimension) } : {}) };
}

function dimension(wire: WireDimension): Dimension {
  if (Object.hasOwn(wire, "dimValue") && wire.dimValue !== undefined) return Number(toBigInt(wire.dimValue));
  return Object.hasOwn(wire, "dimParam") && wire.dimParam ? wire.dimParam : undefined;
}

export function writeTensorType(type: TensorType): Uint8Array {
  const dim = type.shape?.map((d): WireDimension => (typeof d === "number" ? { dimValue: fromBigInt(BigInt(d)) } : d === undefined ? {} : { dimParam: d }));
  const inner = encodeMessage("TypeProto.Tensor", { elemType: type.elementType, ...(dim ? { shape: { dim } } : {}) });
  return protobuf.Writer.create().uint32(TENSOR_TYPE_TAG).bytes(inner).finish();
}
