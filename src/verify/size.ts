/** Bytes of a model: as they lie on disk, and as they travel compressed. */
import { createReadStream } from "node:fs";
import { runSignal } from "../abort.js";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import { BadModelError, EdgecError } from "../errors.js";
import { dataLocations, readModel } from "../onnx/index.js";

export interface FileSizes {
  readonly raw: number;
  /** Level 9. Null for more than 256 MiB, which take minutes to pack. */
  readonly gzip: number | null;
  /** Quality 9: what servers can afford to make; 11 takes many times as long for a few percent. Null as gzip. */
  readonly brotli: number | null;
}

const PACKED_UP_TO = 256 * 2 ** 20;

const GZIP_LEVEL = 9;
const BROTLI_QUALITY = 9;
const CHUNK = 2 ** 20;

/**
 * Sizes of the model file and the external data files that it refers to, each packed on its own, together.
 * Streamed, on libuv's threads. Nothing is packed when raw bytes exceed `packedUpTo`. Throws BadModelError, and EdgecError CANNOT_READ.
 */
export async function modelSizes(path: string, packedUpTo = PACKED_UP_TO): Promise<FileSizes> {
  const folder = dirname(path);
  const locations = dataLocations(readModel(path));
  const paths = [path, ...locations.map((location) => join(folder, location))];
  let raw = await fileSize(path);
  for (const location of locations) raw += await dataSize(path, location);
  if (raw > packedUpTo) return { raw, gzip: null, brotli: null };
  let [gzip, brotli] = [0, 0];
  for (const each of paths) {
    const packed = await packedSizes(each);
    gzip += packed.gzip;
    brotli += packed.brotli;
  }
  return { raw, gzip, brotli };
}

async function dataSize(model: string, location: string): Promise<number> {
  const path = join(dirname(model), location);
  return stat(path).then(({ size }) => size, (cause: unknown) => {
    const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw isMissing ? new BadModelError(`${model} keeps weights in the data file "${location}", which is missing; put it beside the model`, { cause }) : unreadable(path, cause);
  });
}

async function fileSize(path: string): Promise<number> {
  return stat(path).then(({ size }) => size, (cause: unknown) => Promise.reject(unreadable(path, cause)));
}

async function packedSizes(path: string): Promise<{ gzip: number; brotli: number }> {
  try {
    const { size } = await stat(path);
    const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 30) };
    const [gzip, brotli] = await Promise.all([compressedSize(path, createGzip({ level: GZIP_LEVEL })), compressedSize(path, createBrotliCompress({ params }))]);
    return { gzip, brotli };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): EdgecError {
  return new EdgecError("CANNOT_READ", `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

async function compressedSize(path: string, compressor: NodeJS.ReadWriteStream): Promise<number> {
  let bytes = 0;
  const count = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength;
      done();
    },
  });
  const signal = runSignal();
  await pipeline(createReadStream(path, { highWaterMark: CHUNK }), compressor, count, signal ? { signal } : {});
  return bytes;
}
