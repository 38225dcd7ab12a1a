/** The types of decoded messages. 64-bit integers are bigints; fields that the file lacks are absent. */
import type { ByteSource } from "../ir/index.js";

export interface WireEntry {
  key?: string;
  value?: string;
  $unknowns?: Uint8Array[];
}
export interface WireOpset {
  domain?: string;
  version?: bigint;
  $unknowns?: Uint8Array[];
}
interface WireSegment {
  begin?: bigint;
  end?: bigint;
  $unknowns?: Uint8Array[];
}

export interface WireTensor {
  dims?: bigint[];
  dataType?: number;
  segment?: WireSegment;
  floatData?: Uint8Array[];
  int32Data?: Uint8Array[];
  stringData?: Uint8Array[];
  int64Data?: Uint8Array[];
  name?: string;
  docString?: string;
  rawData?: Uint8Array | ByteSource;
  externalData?: WireEntry[];
  dataLocation?: number;
  doubleData?: Uint8Array[];
  uint64Data?: Uint8Array[];
  metadataProps?: WireEntry[];
  $unknowns?: Uint8Array[];
}
export interface WireValueInfo {
  name?: string;
  type?: Uint8Array;
  docString?: string;
  metadataProps?: WireEntry[];
  $unknowns?: Uint8Array[];
}
export interface WireAttribute {
  name?: string;
  refAttrName?: string;
  docString?: string;
  type?: number;
  f?: number;
  i?: bigint;
  s?: Uint8Array;
  t?: WireTensor;
  g?: WireGraph;
  sparseTensor?: Uint8Array;
  tp?: Uint8Array;
  floats?: number[];
  ints?: bigint[];
  strings?: Uint8Array[];
  tensors?: WireTensor[];
  graphs?: WireGraph[];
  sparseTensors?: Uint8Array[];
  typeProtos?: Uint8Array[];
  $unknowns?: Uint8Array[];
}
export interface WireNode {
  input?: string[];
  output?: string[];
  name?: string;
  opType?: string;
  domain?: string;
  overload?: string;
  attribute?: WireAttribute[];
  docString?: string;
  metadataProps?: WireEntry[];
  deviceConfigurations?: Uint8Array[];
  $unknowns?: Uint8Array[];
}
export interface WireGraph {
  node?: WireNode[];
  name?: string;
  initializer?: WireTensor[];
  sparseInitializer?: Uint8Array[];
  docString?: string;
  input?: WireValueInfo[];
  output?: WireValueInfo[];
  valueInfo?: WireValueInfo[];
  quantizationAnnotation?: Uint8Array[];
  metadataProps?: WireEntry[];
  $unknowns?: Uint8Array[];
}
export interface WireFunction {
  name?: string;
  input?: string[];
  output?: string[];
  attribute?: string[];
  attributeProto?: WireAttribute[];
  node?: WireNode[];
  docString?: string;
  opsetImport?: WireOpset[];
  domain?: string;
  overload?: string;
  valueInfo?: WireValueInfo[];
  metadataProps?: WireEntry[];
  $unknowns?: Uint8Array[];
}
export interface WireModel {
  irVersion?: bigint;
  opsetImport?: WireOpset[];
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  modelVersion?: bigint;
  docString?: string;
  graph?: WireGraph;
  metadataProps?: WireEntry[];
  trainingInfo?: Uint8Array[];
  functions?: WireFunction[];
  configuration?: Uint8Array[];
  $unknowns?: Uint8Array[];
}

/** Keeps only own, present, non-empty properties: those that are on the wire. */
export function present<T extends object>(entries: { [K in keyof T]: T[K] | undefined }): T {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entries)) {
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) result[key] = value;
  }
  return result as T;
}
