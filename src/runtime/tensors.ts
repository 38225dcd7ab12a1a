/**
 * Converts run-time values between edgec's form and onnxruntime's. Numeric data is passed as views, without
 * copying.
 */
import type { Tensor } from "onnxruntime-node";
import { BadDataError, EdgecError } from "../errors.js";
import { DataType, dataTypeName, type NumericArray, type TensorValue } from "../ir/index.js";

export type TensorConstructor = new (
  type: Tensor.Type,
  data: NumericArray | string[],
  dims: readonly number[],
) => Tensor;

type ArrayConstructor = new (length: number) => NumericArray;

/**
 * onnxruntime's name of each element type that its JavaScript API can pass, with the array type used here.
 */
const TYPES = new Map<DataType, { readonly name: Tensor.Type; readonly array: ArrayConstructor | undefined }>(
  [
    [DataType.FLOAT, { name: "float32", array: Float32Array }],
    [DataType.DOUBLE, { name: "float64", array: Float64Array }],
    [DataType.FLOAT16, { name: "float16", array: Uint16Array }],
    [DataType.INT8, { name: "int8", array: Int8Array }],
    [DataType.UINT8, { name: "uint8", array: Uint8Array }],
    [DataType.INT16, { name: "int16", array: Int16Array }],
    [DataType.UINT16, { name: "uint16", array: Uint16Array }],
    [DataType.INT32, { name: "int32", array: Int32Array }],
    [DataType.UINT32, { name: "uint32", array: Uint32Array }],
    [DataType.INT64, { name: "int64", array: BigInt64Array }],
    [DataType.UINT64, { name: "uint64", array: BigUint64Array }],
    [DataType.BOOL, { name: "bool", array: Uint8Array }],
    [DataType.STRING, { name: "string", array: undefined }],
  ],
);

const DATA_TYPES = new Map<string, DataType>([...TYPES].map(([dataType, { name }]) => [name, dataType]));

/** Whether values of onnxruntime's type `name` can be read. */
export function isReadable(name: string): boolean {
  return DATA_TYPES.has(name);
}

/** Whether values of an element type can be passed and read. */
export function isReadableType(dataType: DataType): boolean {
  return TYPES.has(dataType);
}

/**
 * The value as an onnxruntime tensor on the same memory. Throws BadDataError when data, shape and type
 * disagree, or the type cannot be passed.
 * @param where what the value is for, in messages: `input "x"`
 */
export function toOrt(value: TensorValue, constructor: TensorConstructor, where: string): Tensor {
  const type = TYPES.get(value.dataType);
  if (!type) {
    throw new BadDataError(
      `${where} is ${dataTypeName(value.dataType)}, which onnxruntime's JavaScript API ` +
        "cannot accept. Put a Cast after it in the model.",
    );
  }
  const count = value.dims.reduce((product, dim) => product * dim, 1);
  const fits = type.array ? value.data instanceof type.array : Array.isArray(value.data);
  if (!fits)
    throw new BadDataError(
      `${where} is declared ${dataTypeName(value.dataType)} but its data is a ${value.data.constructor.name}`,
    );
  if (value.data.length !== count) {
    throw new BadDataError(
      `${where} has ${value.data.length} elements, but its shape [${value.dims.join(", ")}] needs ${count}`,
    );
  }
  return new constructor(type.name, value.data as NumericArray | string[], value.dims);
}

/**
 * Reads a tensor that onnxruntime returned. Throws EdgecError MODEL_REJECTED for a type that cannot be read.
 */
export function fromOrt(tensor: Tensor, where: string): TensorValue {
  const dataType = DATA_TYPES.get(tensor.type);
  if (dataType === undefined) throw unreadableType(where, tensor.type);
  return { dataType, dims: [...tensor.dims], data: plainData(tensor.data, dataType) };
}

/** The error for an output whose element type cannot be read. */
export function unreadableType(where: string, type: string): EdgecError {
  return new EdgecError(
    "MODEL_REJECTED",
    `${where} is ${type}, which onnxruntime's JavaScript API cannot return. Put a Cast before it in the model.`,
  );
}

/** Newer engines hold float16 in a Float16Array; edgec uses its bits. */
function plainData(data: Tensor["data"], dataType: DataType): TensorValue["data"] {
  if (Array.isArray(data)) return data;
  const view = data as unknown as ArrayBufferView;
  if (dataType !== DataType.FLOAT16) return view as NumericArray;
  return new Uint16Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength / 2);
}
