/**
 * Reads and writes TypeProto: dense tensor types are parsed from its bytes and written back; other types are
 * only described.
 */
import { dataTypeName, type DataType, type Dimension, type TensorType, type TypeInfo } from "../ir/index.js";
import { decodeMessage, encodeMessage } from "./schema.js";

interface WireDimension {
  dimValue?: bigint;
  dimParam?: string;
}
interface WireType {
  tensorType?: { elemType?: number; shape?: { dim?: WireDimension[] } };
  sequenceType?: { elemType?: Uint8Array };
  mapType?: { keyType?: number; valueType?: Uint8Array };
  sparseTensorType?: { elemType?: number };
  optionalType?: { elemType?: Uint8Array };
}

/** A hostile file may nest types endlessly. */
const MAX_NESTING = 8;

/** Describes a type: "a sequence of maps from int64 to float". */
export function typeWords({ tensor, encoded }: TypeInfo): string {
  return tensor
    ? `a ${dataTypeName(tensor.elementType)} tensor`
    : article(nestedWords(encoded?.bytes, MAX_NESTING));
}

function article(words: string): string {
  return /^[aeio]/.test(words) ? `an ${words}` : `a ${words}`;
}

/** @param s "s" for the plural */
function nestedWords(bytes: Uint8Array | undefined, depth: number, s = ""): string {
  const unknown = `value${s} of unknown type`;
  if (!bytes || depth === 0) return unknown;
  const type: WireType = decodeMessage("TypeProto", bytes);
  const { tensorType, sequenceType, mapType, sparseTensorType, optionalType } = type;
  if (tensorType) return `${dataTypeName(tensorType.elemType ?? 0)} tensor${s}`;
  if (sparseTensorType) return `sparse ${dataTypeName(sparseTensorType.elemType ?? 0)} tensor${s}`;
  if (sequenceType) return `sequence${s} of ${nestedWords(sequenceType.elemType, depth - 1, "s")}`;
  if (optionalType) return `optional ${nestedWords(optionalType.elemType, depth - 1, s)}`;
  if (!mapType) return unknown;
  const value = nestedWords(mapType.valueType, depth - 1).replace(/ tensor$/, "");
  return `map${s} from ${dataTypeName(mapType.keyType ?? 0)} to ${value}`;
}

interface HeldTensors {
  readonly kind: "sequence" | "optional";
  readonly elementType: DataType;
}

/** The content of a sequence or optional value, if it is dense tensors. */
export function heldTensors({ encoded }: TypeInfo): HeldTensors | undefined {
  const { sequenceType, optionalType }: WireType = encoded ? decodeMessage("TypeProto", encoded.bytes) : {};
  const inner = sequenceType?.elemType ?? optionalType?.elemType;
  const held = inner && readTensorType(inner);
  return held && { kind: sequenceType ? "sequence" : "optional", elementType: held.elementType };
}

/**
 * Element type and shape if the type is a dense tensor, otherwise undefined. Throws BadModelError for
 * malformed bytes.
 */
export function readTensorType(bytes: Uint8Array): TensorType | undefined {
  const { tensorType }: WireType = decodeMessage("TypeProto", bytes);
  if (!tensorType) return undefined;
  const { elemType, shape } = tensorType;
  return { elementType: elemType ?? 0, ...(shape ? { shape: (shape.dim ?? []).map(dimension) } : {}) };
}

/** Exporters write -1 for an unknown size, and onnxruntime accepts it. */
function dimension({ dimValue, dimParam }: WireDimension): Dimension {
  if (dimValue !== undefined)
    return dimValue >= 0n && dimValue <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(dimValue) : undefined;
  return dimParam === "" ? undefined : dimParam;
}

export function writeTensorType({ elementType, shape }: TensorType): Uint8Array {
  const dim = shape?.map((d): WireDimension =>
    typeof d === "number" ? { dimValue: BigInt(d) } : d === undefined ? {} : { dimParam: d },
  );
  return encodeMessage("TypeProto", {
    tensorType: { elemType: elementType, ...(dim ? { shape: { dim } } : {}) },
  } satisfies WireType);
}
