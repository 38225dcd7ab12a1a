/** The dense-tensor case of TypeProto, parsed out of its opaque bytes and written back into them. */
import type { Dimension, TensorType } from "../ir/index.js";
import { decodeMessage, encodeMessage } from "./schema.js";

interface WireDimension { dimValue?: bigint; dimParam?: string }
interface WireType { tensorType?: { elemType?: number; shape?: { dim?: WireDimension[] } } }

/** Element type and shape when the type is a dense tensor, else undefined. Throws BadModelError for malformed bytes. */
export function readTensorType(bytes: Uint8Array): TensorType | undefined {
  const { tensorType }: WireType = decodeMessage("TypeProto", bytes);
  if (!tensorType) return undefined;
  const { elemType, shape } = tensorType;
  return { elementType: elemType ?? 0, ...(shape ? { shape: (shape.dim ?? []).map(dimension) } : {}) };
}

/** Exporters write -1 for a size they do not know, and onnxruntime reads it so. */
function dimension({ dimValue, dimParam }: WireDimension): Dimension {
  if (dimValue !== undefined) return dimValue >= 0n && dimValue <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(dimValue) : undefined;
  return dimParam === "" ? undefined : dimParam;
}

export function writeTensorType({ elementType, shape }: TensorType): Uint8Array {
  const dim = shape?.map((d): WireDimension => (typeof d === "number" ? { dimValue: BigInt(d) } : d === undefined ? {} : { dimParam: d }));
  return encodeMessage("TypeProto", { tensorType: { elemType: elementType, ...(dim ? { shape: { dim } } : {}) } } satisfies WireType);
}
