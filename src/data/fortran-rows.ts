/** Copies an array in Fortran order so that the entries of the first axis are contiguous. */
import { closeSync, openSync } from "node:fs";
import { takeTurn } from "../abort.js";
import { writeAll } from "../onnx/temporary-file.js";
import { TemporaryFolder } from "../onnx/temporary-folder.js";
import { systemErrorOf } from "../system-errors.js";
import { plainBytes, type ByteSource } from "./byte-source.js";
import type { NpyLayout } from "./readers/npy.js";

/** Bytes of the array in memory at once. */
const TILE_BYTES = 2 ** 24;

/**
 * The copy is a scratch file, which is removed when the result is no longer used, or at exit. Each entry is still
 * in Fortran order. Throws EdgecError CANNOT_WRITE when there is no room for it.
 */
export async function rowsOfFortranArray(source: ByteSource, layout: NpyLayout): Promise<ByteSource> {
  const folder = await TemporaryFolder.create("samples");
  const path = folder.file("rows");
  try {
    await writeRows(source, layout, path);
  } catch (cause) {
    await folder.remove();
    throw systemErrorOf(cause, path) ?? cause;
  }
  const rows = plainBytes(path, 0, layout.bytes);
  folder.removeWith(rows);
  return rows;
}

/** Copies columns in tiles: a column holds the values of all entries at one position. */
async function writeRows(source: ByteSource, layout: NpyLayout, path: string): Promise<void> {
  const { width, bytes } = layout;
  const rows = layout.dims[0]!;
  const columns = bytes / width / rows;
  const atOnce = Math.max(1, Math.floor(TILE_BYTES / (rows * width)));
  const reader = await source.open();
  const file = openSync(path, "wx");
  try {
    await reader.read(layout.dataOffset);
    for (let from = 0; from < columns; from += atOnce) {
      const count = Math.min(atOnce, columns - from);
      const tile = transposed(await reader.read(count * rows * width), count, rows, width);
      for (let row = 0; row < rows; row++) {
        const own = tile.subarray(row * count * width, (row + 1) * count * width);
        writeAll(file, own, (row * columns + from) * width);
        if (row % 1024 === 0) await takeTurn();
      }
    }
  } finally {
    closeSync(file);
    await reader.close();
  }
}

/** [count, rows] to [rows, count], elements of `width` bytes each. */
function transposed(bytes: Uint8Array, count: number, rows: number, width: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  for (let column = 0; column < count; column++)
    for (let row = 0; row < rows; row++) {
      const from = (column * rows + row) * width;
      const to = (row * count + column) * width;
      for (let k = 0; k < width; k++) result[to + k] = bytes[from + k]!;
    }
  return result;
}
