/**
 * Decoding and encoding messages by walking over their fields. protobufjs would make functions from text for that,
 * which Node refuses under --disallow-code-generation-from-strings. They are no faster on models, and making them takes
 * 10 ms.
 */
import type { Field, Reader, Root, Type, Writer } from "protobufjs/light.js";
import { protobufjs } from "./protobuf.js";

/** What a field needs to be read and written. */
interface FieldPlan {
  readonly id: number;
  readonly name: string;
  /** The reader's and the writer's method for one value; undefined for a message. */
  readonly method: string | undefined;
  readonly message: MessagePlan | undefined;
  readonly wireType: number;
  readonly isRepeated: boolean;
  /** Whether several values may come in one packed list. */
  readonly isPackable: boolean;
}

interface MessagePlan {
  readonly type: Type;
  fields: ReadonlyMap<number, FieldPlan>;
}

type Values = Record<string, unknown> & { $unknowns?: Uint8Array[] };
type Methods = Readonly<Record<string, (value?: unknown) => unknown>>;

const LENGTH_DELIMITED = 2;
const MAX_DEPTH = 100;

/** Gives all message types of a root this way to decode and encode. */
export function useFieldCodec(root: Root, types: readonly Type[]): void {
  const plans = new Map(types.map((type): [Type, MessagePlan] => [type, { type, fields: new Map() }]));
  root.resolveAll();
  for (const [type, plan] of plans) {
    plan.fields = new Map(
      [...type.fieldsArray].sort((a, b) => a.id - b.id).map((field) => [field.id, planOf(field, plans)]),
    );
    type.decode = (reader, length) => decode(plan, reader as Reader, length, 0) as ReturnType<Type["decode"]>;
    type.encode = (message, writer) => encode(plan, message as Values, writer ?? protobufjs().Writer.create(), 0);
  }
}

function planOf(field: Field, plans: ReadonlyMap<Type, MessagePlan>): FieldPlan {
  const { types } = protobufjs();
  const { id, name, type, repeated: isRepeated } = field;
  const message = field.resolvedType === null ? undefined : plans.get(field.resolvedType as Type);
  const wireType = message
    ? LENGTH_DELIMITED
    : ((types.basic as Readonly<Record<string, number>>)[type] ?? LENGTH_DELIMITED);
  return {
    id,
    name,
    method: message ? undefined : type,
    message,
    wireType,
    isRepeated,
    isPackable: isRepeated && type in types.packed,
  };
}

function decode(plan: MessagePlan, reader: Reader, length: number | undefined, depth: number, into?: Values): Values {
  if (depth > MAX_DEPTH) throw new Error("max depth exceeded");
  const end = length === undefined ? reader.len : reader.pos + length;
  if (end > reader.len) throw new RangeError("index out of range");
  const outerEnd = reader.len;
  reader.len = end;
  const message = into ?? new plan.type.ctor();
  while (reader.pos < end) {
    const start = reader.pos;
    const tag = reader.tag();
    const field = plan.fields.get(tag >>> 3);
    if (field && readField(field, tag & 7, message, reader, depth)) continue;
    (reader as unknown as { skipType(wireType: number, depth: number, id: number): void }).skipType(
      tag & 7,
      depth,
      tag >>> 3,
    );
    keepUnknown(message, reader, start);
  }
  if (length !== undefined && reader.pos !== end) throw new RangeError("index out of range");
  reader.len = outerEnd;
  return message;
}

/** False when the value is not of the field's wire type, and so belongs to no field that is known. */
function readField(
  { name, method, message: plan, wireType, isRepeated, isPackable }: FieldPlan,
  found: number,
  message: Values,
  reader: Reader,
  depth: number,
): boolean {
  const isPacked = isPackable && found === LENGTH_DELIMITED;
  if (!isPacked && found !== wireType) return false;
  const methods = reader as unknown as Methods;
  if (!isRepeated) {
    message[name] = plan
      ? decode(plan, reader, reader.size(), depth + 1, message[name] as Values | undefined)
      : methods[method!]!();
    return true;
  }
  const list = (message[name] as unknown[] | undefined)?.length
    ? (message[name] as unknown[])
    : (message[name] = [] as unknown[]);
  if (isPacked) methods[`${method}s`]!(list);
  else list.push(plan ? decode(plan, reader, reader.size(), depth + 1) : methods[method!]!());
  return true;
}

function keepUnknown(message: Values, reader: Reader, start: number): void {
  if ((reader as unknown as { readonly discardUnknown: boolean }).discardUnknown) return;
  if (!Object.hasOwn(message, "$unknowns"))
    Object.defineProperty(message, "$unknowns", { value: [], writable: true, configurable: true, enumerable: false });
  message.$unknowns!.push((reader as unknown as { raw(from: number, to: number): Uint8Array }).raw(start, reader.pos));
}

function encode(plan: MessagePlan, message: Values, writer: Writer, depth: number): Writer {
  if (depth > MAX_DEPTH) throw new Error("max depth exceeded");
  for (const field of plan.fields.values()) {
    const value = message[field.name];
    if (value === undefined || value === null || !Object.hasOwn(message, field.name)) continue;
    for (const each of field.isRepeated ? (value as unknown[]) : [value]) writeField(field, each, writer, depth);
  }
  for (const bytes of Object.hasOwn(message, "$unknowns") ? (message.$unknowns ?? []) : [])
    (writer as unknown as { raw(bytes: Uint8Array): void }).raw(bytes);
  return writer;
}

function writeField(
  { id, method, message: plan, wireType }: FieldPlan,
  value: unknown,
  writer: Writer,
  depth: number,
): void {
  writer.uint32(((id << 3) | wireType) >>> 0);
  if (!plan) return void (writer as unknown as Methods)[method!]!(value);
  writer.fork();
  encode(plan, value as Values, writer, depth + 1);
  writer.ldelim();
}
