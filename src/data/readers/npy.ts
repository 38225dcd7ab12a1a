/** NumPy's array file format, versions 1 to 3 (numpy.lib.format). */
import { BadDataError } from "../../errors.js";
import { DataType, type NumericArray } from "../../ir/index.js";
import type { RawArray } from "../conform.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy itself refuses longer headers as unsafe to parse. */
const MAX_HEADER = 64 * 1024;

interface ElementType {
  readonly dataType: DataType;
  readonly width: number;
  view(buffer: ArrayBufferLike, offset: number, length: number): NumericArray;
}

const ELEMENT_TYPES: Readonly<Record<string, ElementType>> = {
  f2: { dataType: DataType.FLOAT16, width: 2, view: (...at) => new Uint16Array(...at) },
  f4: { dataType: DataType.FLOAT, width: 4, view: (...at) => new Float32Array(...at) },
  f8: { dataType: DataType.DOUBLE, width: 8, view: (...at) => new Float64Array(...at) },
  i1: { dataType: DataType.INT8, width: 1, view: (...at) => new Int8Array(...at) },
  i2: { dataType: DataType.INT16, width: 2, view: (...at) => new Int16Array(...at) },
  i4: { dataType: DataType.INT32, width: 4, view: (...at) => new Int32Array(...at) },
  i8: { dataType: DataType.INT64, width: 8, view: (...at) => new BigInt64Array(...at) },
  u1: { dataType: DataType.UINT8, width: 1, view: (...at) => new Uint8Array(...at) },
  u2: { dataType: DataType.UINT16, width: 2, view: (...at) => new Uint16Array(...at) },
  u4: { dataType: DataType.UINT32, width: 4, view: (...at) => new Uint32Array(...at) },
  u8: { dataType: DataType.UINT64, width: 8, view: (...at) => new BigUint64Array(...at) },
  b1: { dataType: DataType.BOOL, width: 1, view: (...at) => new Uint8Array(...at) },
};

/** What the header of a .npy file says. */
export interface NpyLayout {
  readonly dims: readonly number[];
  readonly dataType: DataType;
  /** Bytes of one element. */
  readonly width: number;
  readonly isFortran: boolean;
  /** Where the elements begin, and their bytes. */
  readonly dataOffset: number;
  readonly bytes: number;
  /** Elements from bytes of the file: a view where that is possible. */
  readonly elements: (bytes: Uint8Array) => NumericArray;
}

/** The longest header with what stands before it. */
export const NPY_HEAD = 12 + MAX_HEADER;

/**
 * Reads one array into row-major, native-endian form, as a view on `bytes` where that is possible. Throws
 * BadDataError for anything but plain numbers.
 * @param where what to call the array in messages: "data.npz: array "x""
 */
export function parseNpy(bytes: Uint8Array, where: string): RawArray {
  const layout = npyLayout(bytes, bytes.byteLength, where);
  const { dims, dataType, dataOffset } = layout;
  const data = layout.elements(bytes.subarray(dataOffset, dataOffset + layout.bytes));
  return { dims, dataType, data: layout.isFortran ? toRowMajor(data, dims) : data };
}

/**
 * @param head the file's first bytes: `NPY_HEAD`, or all where there are fewer
 * @param length of the whole file
 */
export function npyLayout(head: Uint8Array, length: number, where: string): NpyLayout {
  const { header, dataOffset } = readHeader(head, where);
  const { type, bigEndian } = elementType(header, where);
  const { dataType, width } = type;
  const dims = shape(header, where);
  const bytes = dims.reduce((product, dim) => product * dim, 1) * width;
  if (!Number.isSafeInteger(bytes) || length - dataOffset < bytes) {
    const found = length - dataOffset;
    throw new BadDataError(
      `${where}: the file ends early: shape [${dims.join(", ")}] needs ${bytes} bytes, ${found} follow the header`,
    );
  }
  const isFortran = /'fortran_order'\s*:\s*True/.test(header) && dims.length > 1;
  const elements = (content: Uint8Array): NumericArray => {
    const inPlace = !bigEndian && content.byteOffset % width === 0;
    const own = inPlace ? content : new Uint8Array(content);
    if (bigEndian) swapBytes(own, width);
    return type.view(own.buffer, own.byteOffset, own.byteLength / width);
  };
  return { dims, dataType, width, isFortran, dataOffset, bytes, elements };
}

function readHeader(bytes: Uint8Array, where: string): { header: string; dataOffset: number } {
  if (bytes.byteLength < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new BadDataError(`${where}: not a NumPy .npy array (its first bytes are not "\\x93NUMPY")`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3)
    throw new BadDataError(
      `${where}: unknown .npy format version ${major}. Save it with a current numpy.save`,
    );
  const start = major === 1 ? 10 : 12;
  const length =
    major === 1 ? view.getUint16(8, true) : bytes.byteLength >= 12 ? view.getUint32(8, true) : Infinity;
  if (length > MAX_HEADER || start + length > bytes.byteLength)
    throw new BadDataError(`${where}: the .npy header is damaged (length ${length})`);
  return {
    header: new TextDecoder().decode(bytes.subarray(start, start + length)),
    dataOffset: start + length,
  };
}

function elementType(header: string, where: string): { type: ElementType; bigEndian: boolean } {
  const descr = /'descr'\s*:\s*'([<>|=]?)([A-Za-z]+\d*)'/.exec(header);
  if (descr?.[2]?.startsWith("O")) {
    throw new BadDataError(
      `${where}: holds Python objects, which edgec does not read. Build it with one ` +
        "numeric dtype (all samples of one shape), or use .jsonl",
    );
  }
  const type = ELEMENT_TYPES[descr?.[2] ?? ""];
  if (!descr || !type) {
    const found = descr?.[0] ?? "a structured dtype";
    throw new BadDataError(
      `${where}: ${found} is not supported. Use bool, int8..int64, uint8..uint64, float16, float32 or float64.`,
    );
  }
  return { type, bigEndian: descr[1] === ">" };
}

function shape(header: string, where: string): number[] {
  const match = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(header);
  if (!match) throw new BadDataError(`${where}: the .npy header has no readable shape`);
  return match[1]!
    .split(",")
    .map((text) => text.trim().replace("L", ""))
    .filter((text) => text !== "")
    .map(Number);
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
}

/** Column-major to row-major. Walks the target in order with a running source offset. */
export function toRowMajor(data: NumericArray, dims: readonly number[]): NumericArray {
  const target = data.slice();
  const strides: number[] = [];
  dims.reduce((stride, dim) => (strides.push(stride), stride * dim), 1);
  const index = dims.map(() => 0);
  for (let at = 0, from = 0; at < target.length; at++) {
    target[at] = data[from]!;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < dims[axis]!) break;
      from -= dims[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return target;
}
