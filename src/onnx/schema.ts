/** The ONNX schema as protobufjs types, built once on first use. The only file that shapes protobuf messages. */
import protobuf from "protobufjs/light.js";
import { SCHEMA, type SchemaField } from "./schema-data.js";

/**
 * Messages that no pass looks into. They are declared as bytes, which is the same on the wire, so their
 * content passes through untouched however new it is. Types are parsed apart (see read-type.ts).
 */
const OPAQUE: ReadonlySet<string> = new Set([
  "TypeProto", "SparseTensorProto", "TrainingInfoProto", "NodeDeviceConfigurationProto", "DeviceConfigurationProto", "TensorAnnotation",
]);

/** Messages that the IR maps or that are decoded apart; the rest is only reached through opaque bytes. */
const ROOTS = ["ModelProto", "TensorProto", "TypeProto.Tensor", "TensorShapeProto"] as const;

let root: protobuf.Root | undefined;

/** The protobufjs type of a schema message, for example `messageType("ModelProto")`. */
export function messageType(name: string): protobuf.Type {
  root ??= buildRoot();
  return root.lookupType(`onnx.${flat(name)}`);
}

function buildRoot(): protobuf.Root {
  const nested: Record<string, protobuf.IType> = {};
  const add = (name: string): void => {
    if (flat(name) in nested) return;
    const fields: Record<string, protobuf.IField> = {};
    nested[flat(name)] = { fields, edition: "proto2" } as protobuf.IType;
    for (const [id, field, type, repeat] of SCHEMA[name] ?? []) {
      const isMessage = type in SCHEMA;
      if (isMessage && !OPAQUE.has(type)) add(type);
      fields[field] = { id, type: isMessage ? (OPAQUE.has(type) ? "bytes" : flat(type)) : type, ...rule(repeat) };
    }
  };
  ROOTS.forEach(add);
  return protobuf.Root.fromJSON({ nested: { onnx: { nested } } } as protobuf.INamespace);
}

function rule(repeat: SchemaField[3]): Pick<protobuf.IField, "rule" | "options"> {
  return repeat === undefined ? {} : { rule: "repeated", options: { packed: repeat === "packed" } } as Pick<protobuf.IField, "rule" | "options">;
}

/** Nested messages are laid flat: names on the wire do not exist. */
function flat(name: string): string {
  return name.replaceAll(".", "_");
}

/** Decodes a message, keeping fields the schema does not know. Throws what protobufjs throws. */
export function decodeMessage(name: string, bytes: Uint8Array): object {
  const reader = protobuf.Reader.create(bytes);
  reader.discardUnknown = false;
  return messageType(name).decode(reader);
}

/** Encodes a plain object as a message, fields in ascending order and unknown ones last. */
export function encodeMessage(name: string, message: object): Uint8Array {
  return messageType(name).encode(message as protobuf.Message).finish();
}
