/** The ONNX schema as protobufjs types, built once on first use. The only file that shapes protobuf messages. */
import type { IField, IType, Root, Type } from "protobufjs/light.js";
import { BadModelError } from "../errors.js";
import { exactReader, exactWriter } from "./exact-codec.js";
import { useFieldCodec } from "./message-codec.js";
import { protobufjs } from "./protobuf.js";
import { SCHEMA, type SchemaField } from "./schema-data.js";

/**
 * Messages that no pass looks into. They are declared as bytes, which is the same on the wire, so their
 * content passes through untouched however new it is. Types are parsed apart (see tensor-type.ts).
 */
const OPAQUE: ReadonlySet<string> = new Set([
  "TypeProto", "SparseTensorProto", "TrainingInfoProto", "NodeDeviceConfigurationProto", "DeviceConfigurationProto", "TensorAnnotation",
]);

/** Messages that are decoded on their own; what they hold comes along. */
const ROOTS = ["ModelProto", "TypeProto", "TensorAnnotation", "TrainingInfoProto"] as const;

let root: Root | undefined;

/** Decodes a message, keeping fields the schema does not know. Throws BadModelError when the bytes are none. */
export function decodeMessage(name: string, bytes: Uint8Array): object {
  const reader = exactReader(bytes);
  try {
    return messageType(name).decode(reader);
  } catch (cause) {
    if (cause instanceof BadModelError) throw cause;
    throw new BadModelError(`byte ${reader.pos} of ${bytes.byteLength} ${explain((cause as Error).message)}`, { cause });
  }
}

/** Encodes a plain object as a message, fields in ascending order and unknown ones last. */
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

/** Packed lists, the values of tensors, stay encoded until a pass asks for them (see typed-data.ts). */
function wireTypeOf(type: string, repeat: SchemaField[3]): string {
  return repeat === "packed" || OPAQUE.has(type) ? "bytes" : type;
}

function rule(repeat: SchemaField[3]): Pick<IField, "rule" | "options"> {
  return repeat === undefined ? {} : { rule: "repeated", options: { packed: false } };
}

/**
 * Gives decoded messages a constructor that adds nothing, and a prototype without default values: a field that is
 * absent from the file reads as undefined, lists included.
 */
function dropDefaults(type: Type): void {
  type.ctor = function Decoded() { /* protobufjs's own would fill in empty lists */ } as unknown as Type["ctor"];
  const prototype = type.ctor.prototype as Record<string, unknown>;
  for (const field of type.fieldsArray) Reflect.deleteProperty(prototype, field.name);
}

/** Nested messages are laid flat: names on the wire do not exist. */
function flat(name: string): string {
  return name.replaceAll(".", "_");
}

/** protobufjs's words for a malformed message in words for a person. */
function explain(message: string): string {
  if (message.startsWith("index out of range")) return "begins a field that does not end where its message ends; the file is cut off or damaged";
  if (message.startsWith("max depth")) return "nests messages deeper than 100 levels, the limit of protobuf";
  return `is not ONNX (${message}); the file is damaged or of another format`;
}
