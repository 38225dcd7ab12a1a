/** Protobuf messages written by hand, so that the reader is not tested with its own writer. */

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

/** An integer field. */
export function int(field: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

/** A string, bytes or message field. */
export function bytes(field: number, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
}

/** A float field. */
export function float(field: number, value: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), body]);
}

/** A GraphProto.node field: inputs, outputs, op_type, then what else it holds. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  ...rest: readonly Uint8Array[]
): Buffer {
  return bytes(
    1,
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, op),
    ...rest,
  );
}

/** A TensorProto's content up to its data: dims, data_type. */
export function shaped(dims: readonly number[], dataType: number): Buffer {
  return Buffer.concat([...dims.map((dim) => int(1, dim)), int(2, dataType)]);
}

/** A ModelProto of IR version 8 and opset 17 around the content of a graph. */
export function model(...graph: readonly Uint8Array[]): Buffer {
  return Buffer.concat([int(1, 8), bytes(7, ...graph), bytes(8, int(2, 17))]);
}
