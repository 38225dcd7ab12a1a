/** Arrays with samples along the first axis, read in order. */
import { BadDataError } from "../errors.js";
import type { DataType, NumericArray } from "../ir/index.js";
import type { ByteSource } from "./byte-source.js";
import type { RawArray } from "./conform.js";
import { rowsOfFortranArray } from "./fortran-rows.js";
import { NPY_HEAD, npyLayout, parseNpy, toRowMajor, type NpyLayout } from "./readers/npy.js";

export interface SampleArray {
  readonly dims: readonly number[];
  readonly dataType: DataType;
  /** Starts from the first element. */
  open(): Promise<ElementReader>;
}

/** Close it when done. */
export interface ElementReader {
  /** The next elements in row-major order: whole entries of the first axis. */
  next(count: number): Promise<NumericArray>;
  close(): Promise<void>;
}

/** Arrays are read once and kept up to this total size per file, bytes. */
export const KEPT_BYTES = 2 ** 24;

/** Most bytes of one sample of an array: a file may claim any shape. */
const LARGEST_SAMPLE = 2 ** 32;

/**
 * The array in a .npy file, which stays in the file unless it is small. Throws BadDataError for anything but
 * plain numbers.
 * @param where what to call the array in messages: "data.npz: array "x""
 * @param keptBytes of an array that may be kept in memory
 */
export async function sampleArray(
  source: ByteSource,
  where: string,
  keptBytes = KEPT_BYTES,
): Promise<SampleArray> {
  if (source.length <= keptBytes) return inMemory(parseNpy(await front(source, source.length), where));
  const head = await front(source, Math.min(source.length, NPY_HEAD));
  const layout = npyLayout(head, source.length, where);
  const { dims, dataType } = layout;
  return {
    dims,
    dataType,
    open: layout.isFortran ? fortranReader(source, layout, where) : rowReader(source, layout, where),
  };
}

/** The whole array in memory, for small arrays such as labels. Throws as `sampleArray` does. */
export async function wholeArray(source: ByteSource, where: string): Promise<RawArray> {
  return parseNpy(await front(source, source.length), where);
}

async function front(source: ByteSource, length: number): Promise<Uint8Array> {
  const reader = await source.open();
  try {
    return await reader.read(length);
  } finally {
    await reader.close();
  }
}

function inMemory({ dims, dataType, data }: ReturnType<typeof parseNpy>): SampleArray {
  const open = (): Promise<ElementReader> => {
    let at = 0;
    return Promise.resolve({
      next: (count) => Promise.resolve((data as NumericArray).subarray(at, (at += count))),
      close: () => Promise.resolve(),
    });
  };
  return { dims, dataType: dataType!, open };
}

function rowReader(source: ByteSource, layout: NpyLayout, where: string) {
  const { dataOffset, elements } = layout;
  return async (): Promise<ElementReader> => {
    const reader = await source.open();
    await reader.read(dataOffset);
    return {
      next: async (count) => elements(await reader.read(bytesOf(count, layout, where))),
      close: () => reader.close(),
    };
  };
}

/** In Fortran order, a sample is spread over the whole file, so a copy in the other order is read instead. */
function fortranReader(source: ByteSource, layout: NpyLayout, where: string) {
  const { elements } = layout;
  const rest = layout.dims.slice(1);
  const size = rest.reduce((product, dim) => product * dim, 1);
  let copy: Promise<ByteSource> | undefined;
  return async (): Promise<ElementReader> => {
    copy ??= rowsOfFortranArray(source, layout);
    const reader = await copy.then((rows) => rows.open());
    return {
      async next(count) {
        const values = elements(await reader.read(bytesOf(count, layout, where)));
        for (let at = 0; at < count; at += size) {
          const row = values.subarray(at, at + size);
          row.set(toRowMajor(row, rest) as never);
        }
        return values;
      },
      close: () => reader.close(),
    };
  };
}

function bytesOf(count: number, { width }: NpyLayout, where: string): number {
  const bytes = count * width;
  if (bytes <= LARGEST_SAMPLE) return bytes;
  throw new BadDataError(`${where}: one sample takes ${bytes} bytes. Give samples of less than 4 GiB`);
}
