/** The shapes of decoded messages, and the conversions between protobufjs values and plain ones. */
import Long from "long";

/** A 64-bit integer as protobufjs gives and takes it. */
export type WireLong = Long | number;

export const toBigInt = (value: WireLong): bigint =>
  typeof value === "number" ? BigInt(value) : BigInt.asIntN(64, (BigInt(value.high) << 32n) | BigInt(value.low >>> 0));

export const toUnsignedBigInt = (value: WireLong): bigint => BigInt.asUintN(64, toBigInt(value));

export const fromBigInt = (value: bigint): Long =>
  Long.fromBits(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));

export interface WireEntry { key?: string; value?: string; $unknowns?: Uint8Array[] }
export interface WireOpset { domain?: string; version?: WireLong; $unknowns?: Uint8Array[] }
export interface WireSegment { begin?: WireLong; end?: WireLong; $unknowns?: Uint8Array[] }

export interface WireTensor {
  dims?: WireLong[]; dataType?: number; segment?: WireSegment; floatData?: number[]; int32Data?: number[]; stringData?: Uint8Array[];
  int64Data?: WireLong[]; name?: string; docString?: string; rawData?: Uint8Array; externalData?: WireEntry[]; dataLocation?: number;
  doubleData?: number[]; uint64Data?: WireLong[]; metadataProps?: WireEntry[]; $unknowns?: Uint8Array[];
}
export interface WireValueInfo { name?: string; type?: Uint8Array; docString?: string; metadataProps?: WireEntry[]; $unknowns?: Uint8Array[] }
export interface WireAttribute {
  name?: string; refAttrName?: string; docString?: string; type?: number; f?: number; i?: WireLong; s?: Uint8Array; t?: WireTensor; g?: WireGraph;
  sparseTensor?: Uint8Array; tp?: Uint8Array; floats?: number[]; ints?: WireLong[]; strings?: Uint8Array[]; tensors?: WireTensor[];
  graphs?: WireGraph[]; sparseTensors?: Uint8Array[]; typeProtos?: Uint8Array[]; $unknowns?: Uint8Array[];
}
export interface WireNode {
  input?: string[]; output?: string[]; name?: string; opType?: string; domain?: string; overload?: string; attribute?: WireAttribute[];
  docString?: string; metadataProps?: WireEntry[]; deviceConfigurations?: Uint8Array[]; $unknowns?: Uint8Array[];
}
export interface WireGraph {
  node?: WireNode[]; name?: string; initializer?: WireTensor[]; sparseInitializer?: Uint8Array[]; docString?: string; input?: WireValueInfo[];
  output?: WireValueInfo[]; valueInfo?: WireValueInfo[]; quantizationAnnotation?: Uint8Array[]; metadataProps?: WireEntry[]; $unknowns?: Uint8Array[];
}
export interface WireFunction {
  name?: string; input?: string[]; output?: string[]; attribute?: string[]; attributeProto?: WireAttribute[]; node?: WireNode[]; docString?: string;
  opsetImport?: WireOpset[]; domain?: string; overload?: string; valueInfo?: WireValueInfo[]; metadataProps?: WireEntry[]; $unknowns?: Uint8Array[];
}
export interface WireModel {
  irVersion?: WireLong; opsetImport?: WireOpset[]; producerName?: string; producerVersion?: string; domain?: string; modelVersion?: WireLong;
  docString?: string; graph?: WireGraph; metadataProps?: WireEntry[]; trainingInfo?: Uint8Array[]; functions?: WireFunction[];
  configuration?: Uint8Array[]; $unknowns?: Uint8Array[];
}

/** Own, present, non-empty properties only: what the wire really holds. */
export function present<T extends object>(entries: { [K in keyof T]: T[K] | undefined }): T {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entries)) {
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) result[key] = value;
  }
  return result as T;
}
