/** The ONNX schema as protobufjs types, built once on first use. No other file defines protobuf messages. */
import type { IField, IType, Root, Type } from "protobufjs/light.js";
import { BadModelError } from "../errors.js";
import { exactReader, exactWriter } from "./exact-codec.js";
import { useFieldCodec } from "./message-codec.js";
import { protobufjs } from "./protobuf.js";
import { SCHEMA, type SchemaField } from "./schema-data.js";

/**
 * Messages that no pass reads. They are declared as bytes, which is the same on the wire, so their content
 * passes through unchanged however new it is. Types are parsed separately (see tensor-type.ts).
 */
const OPAQUE: ReadonlySet<string> = new Set([
  "TypeProto",
  "SparseTensorProto",
  "TrainingInfoProto",
  "NodeDeviceConfigurationProto",
  "DeviceConfigurationProto",
  "TensorAnnotation",
]);

/** Messages that are decoded by themselves, with everything they contain. */
const ROOTS = ["ModelProto", "TypeProto", "TensorAnnotation", "TrainingInfoProto"] as const;

let root: Root | undefined;

/**
 * Decodes a message and keeps fields that the schema does not know. Throws BadModelError for malformed bytes.
 */
export function decodeMessage(name: string, bytes: Uint8Array): object {
  const reader = exactReader(bytes);
  try {
    return messageType(name).decode(reader);
  } catch (cause) {
    if (cause instanceof BadModelError) throw cause;
    throw new BadModelError(
      `byte ${reader.pos} of ${bytes.byteLength} ${explain((cause as Error).message)}`,
      { cause },
    );
  }
}

/** Encodes a plain object as a message: fields in ascending order, unknown ones last. */
export function encodeMessage(name: string, message: object): Uint8Array {
  return messageType(name).encode(message, exactWriter()).finish();
}

function messageType(name: string): Type {
  root ??= buildRoot();
  return root.lookupType(`onnx.${flat(name)}`);
}

function buildRoot(): Root {
  const nested: Record<string, IType> = {};
  const add = (name: string): void => {
    if (flat(name) in nested) return;
    const fields: Record<string, IField> = {};
    nested[flat(name)] = { fields, edition: "proto2" };
    for (const [id, field, type, repeat] of SCHEMA[name] ?? []) {
      const wireType = wireTypeOf(type, repeat);
      if (wireType in SCHEMA) add(wireType);
      fields[field] = { id, type: flat(wireType), ...rule(repeat) };
    }
  };
  ROOTS.forEach(add);
  const built = protobufjs().Root.fromJSON({ nested: { onnx: { nested } } });
  const types = Object.keys(nested).map((name) => built.lookupType(`onnx.${name}`));
  types.forEach(dropDefaults);
  useFieldCodec(built, types);
  return built;
}

/** Packed lists, the values of tensors, stay encoded until a pass needs them (see typed-data.ts). */
function wireTypeOf(type: string, repeat: SchemaField[3]): string {
  return repeat === "packed" || OPAQUE.has(type) ? "bytes" : type;
}

function rule(repeat: SchemaField[3]): Pick<IField, "rule" | "options"> {
  return repeat === undefined ? {} : { rule: "repeated", options: { packed: false } };
}

/**
 * Gives decoded messages an empty constructor and a prototype without default values: a field that is absent
 * from the file reads as undefined, lists included.
 */
function dropDefaults(type: Type): void {
  type.ctor = function Decoded() {
    /** protobufjs's own constructor would add empty lists */
  } as unknown as Type["ctor"];
  const prototype = type.ctor.prototype as Record<string, unknown>;
  for (const field of type.fieldsArray) Reflect.deleteProperty(prototype, field.name);
}

/** Flattens nested messages: their names do not exist on the wire. */
function flat(name: string): string {
  return name.replaceAll(".", "_");
}

/** Rewrites protobufjs's errors for malformed messages. */
function explain(message: string): string {
  if (message.startsWith("index out of range"))
    return "starts a field that does not fit in its message. The file is truncated or damaged.";
  if (message.startsWith("max depth"))
    return "nests messages more than 100 levels deep, the limit of protobuf";
  return `is not ONNX (${message}). The file is damaged or has another format.`;
}
