/**
 * Finds the files that hold a model's external tensors, for the runtime that cannot open files itself. Reads
 * only the fields on the way to `TensorProto.external_data`, without decoding or copying.
 */
import { EdgecError } from "../errors.js";

/** Field numbers in onnx.proto that lead from one message type to the next. */
const PATHS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: "graph", 25: "function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  function: { 7: "node" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: { 13: "entry" },
};

const MAX_DEPTH = 64;

/**
 * The distinct `location`s of external tensors in the bytes of a ModelProto. Throws EdgecError
 * MODEL_REJECTED for malformed bytes.
 */
export function externalLocations(model: Uint8Array, path: string): string[] {
  const found = new Set<string>();
  try {
    visit(model, "model", found, 0);
  } catch (cause) {
    if (!(cause instanceof MalformedBytes)) throw cause;
    throw new EdgecError("MODEL_REJECTED", `${path}: ${cause.message}`, { cause });
  }
  return [...found];
}

class MalformedBytes extends Error {}

function visit(bytes: Uint8Array, kind: string, found: Set<string>, depth: number): void {
  if (depth > MAX_DEPTH) throw new MalformedBytes("the model nests graphs too deeply");
  const next = PATHS[kind] ?? {};
  for (const { field, value } of lengthDelimited(bytes)) {
    const child = next[field];
    if (child === "entry") addLocation(value, found);
    else if (child !== undefined) visit(value, child, found, depth + 1);
  }
}

function addLocation(entry: Uint8Array, found: Set<string>): void {
  const parts = new Map(
    [...lengthDelimited(entry)].map(({ field, value }) => [field, new TextDecoder().decode(value)]),
  );
  const location = parts.get(2);
  if (parts.get(1) === "location" && location !== undefined) found.add(location);
}

/** The length-delimited fields of one message, in order. */
function* lengthDelimited(bytes: Uint8Array): Generator<{ field: number; value: Uint8Array }> {
  const at = { offset: 0 };
  while (at.offset < bytes.length) {
    const key = varint(bytes, at);
    const field = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        varint(bytes, at);
        break;
      case 1:
        at.offset += 8;
        break;
      case 5:
        at.offset += 4;
        break;
      case 2: {
        const length = varint(bytes, at);
        if (length > bytes.length - at.offset) throw truncated();
        yield { field, value: bytes.subarray(at.offset, at.offset + length) };
        at.offset += length;
        break;
      }
      default:
        throw truncated();
    }
  }
}

function varint(bytes: Uint8Array, at: { offset: number }): number {
  let value = 0;
  for (let shift = 0; shift < 10; shift++) {
    const byte = bytes[at.offset++];
    if (byte === undefined) throw truncated();
    value += (byte & 0x7f) * 2 ** (7 * shift);
    if (byte < 0x80) return value;
  }
  throw truncated();
}

function truncated(): MalformedBytes {
  return new MalformedBytes("the file is not an ONNX model, or it is cut off");
}
