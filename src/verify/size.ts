/** Measures the bytes of a model: on disk, and compressed for transfer. */
import { createReadStream } from "node:fs";
import { runSignal } from "../abort.js";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import { BadModelError, EdgecError } from "../errors.js";
import { factsOf } from "./model-facts.js";

export interface FileSizes {
  readonly raw: number;
  /** At level 9. Null if not measured: unless asked for, and above 256 MiB, which takes minutes to pack. */
  readonly gzip: number | null;
  /**
   * At quality 9, which servers can afford; 11 takes many times as long for a few percent. Null as for gzip.
   */
  readonly brotli: number | null;
}

export interface SizeComparison {
  /** Bytes, external data included. */
  readonly original: FileSizes;
  readonly compressed: FileSizes;
  /** original.raw / compressed.raw */
  readonly ratio: number;
}

const PACKED_UP_TO = 256 * 2 ** 20;

const GZIP_LEVEL = 9;
const BROTLI_QUALITY = 9;
const CHUNK = 2 ** 20;

/**
 * Sizes of the model file and its external data files together, each packed separately. Streamed, on libuv's
 * threads. Packs nothing if there are more than `packedUpTo` raw bytes. Throws BadModelError, and EdgecError
 * CANNOT_READ.
 */
export async function modelSizes(path: string, packedUpTo = PACKED_UP_TO): Promise<FileSizes> {
  const folder = dirname(path);
  const locations = factsOf(path).dataLocations;
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

/**
 * Sizes of both models on disk; with `packed` also after gzip and brotli, of equal files once.
 * @param known the sizes of the original, if already measured
 */
export async function compareSizes(
  originalPath: string,
  compressedPath: string,
  packed = false,
  known?: Promise<FileSizes>,
): Promise<SizeComparison> {
  const original = await (known ?? sizesOf(originalPath, packed));
  const isEqual = packed && (await isSameFile(originalPath, compressedPath));
  const compressed = isEqual ? original : await sizesOf(compressedPath, packed);
  return { original, compressed, ratio: original.raw / compressed.raw };
}

/** The size on disk; with `packed` as `modelSizes`. */
export async function sizesOf(path: string, packed = false): Promise<FileSizes> {
  return packed ? modelSizes(path) : modelSizes(path, 0);
}

/** Whether two model files have the same bytes, and no data files that might differ. */
export async function isSameFile(path: string, other: string): Promise<boolean> {
  if ((await fileSize(path)) !== (await fileSize(other))) return false;
  const chunks: AsyncIterator<Buffer> = createReadStream(other, { highWaterMark: CHUNK })[
    Symbol.asyncIterator
  ]();
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
      const next = (await chunks.next()) as IteratorResult<Buffer, undefined>;
      if (next.done === true || !(chunk as Buffer).equals(next.value)) return false;
    }
  } finally {
    await chunks.return?.();
  }
  return factsOf(path).dataLocations.length === 0;
}

async function dataSize(model: string, location: string): Promise<number> {
  const path = join(dirname(model), location);
  return stat(path).then(
    ({ size }) => size,
    (cause: unknown) => {
      const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
      throw isMissing
        ? new BadModelError(
            `${model} keeps weights in the data file "${location}", which is missing. Put it beside the model.`,
            { cause },
          )
        : unreadable(path, cause);
    },
  );
}

async function fileSize(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    (cause: unknown) => Promise.reject(unreadable(path, cause)),
  );
}

async function packedSizes(path: string): Promise<{ gzip: number; brotli: number }> {
  try {
    const { size } = await stat(path);
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 30),
    };
    const [gzip, brotli] = await Promise.all([
      compressedSize(path, createGzip({ level: GZIP_LEVEL })),
      compressedSize(path, createBrotliCompress({ params })),
    ]);
    return { gzip, brotli };
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): EdgecError {
  return new EdgecError(
    "CANNOT_READ",
    `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );
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
  await pipeline(
    createReadStream(path, { highWaterMark: CHUNK }),
    compressor,
    count,
    signal ? { signal } : {},
  );
  return bytes;
}
