/** Bytes of a model: as they lie on disk, and as they travel compressed. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import { EdgecError } from "../errors.js";
import { nestedGraphs, nodeLists, type Model, type Tensor } from "../ir/index.js";
import { readModel } from "../onnx/index.js";

export interface FileSizes {
  readonly raw: number;
  /** Level 9. */
  readonly gzip: number;
  /** Quality 9: what servers can afford to make; 11 takes many times as long for a few percent. */
  readonly brotli: number;
}

const GZIP_LEVEL = 9;
const BROTLI_QUALITY = 9;
const CHUNK = 2 ** 20;

/**
 * Sizes of the model file and the external data files that it refers to, each compressed on its own, together.
 * Streamed, on libuv's threads. Throws BadModelError, and EdgecError CANNOT_READ.
 */
export async function modelSizes(path: string): Promise<FileSizes> {
  const folder = dirname(path);
  const paths = [path, ...externalFiles(readModel(path)).map((location) => join(folder, location))];
  let total: FileSizes = { raw: 0, gzip: 0, brotli: 0 };
  for (const each of paths) {
    const { raw, gzip, brotli } = await fileSizes(each);
    total = { raw: total.raw + raw, gzip: total.gzip + gzip, brotli: total.brotli + brotli };
  }
  return total;
}

/** The external data files of a model, relative to its folder, each once. */
export function externalFiles(model: Model): string[] {
  const found = new Set<string>();
  for (const graph of nestedGraphs(model.graph)) for (const tensor of graph.initializers) note(tensor, found);
  for (const { nodes } of nodeLists(model)) {
    for (const { attributes } of nodes) for (const { t, tensors } of attributes) for (const tensor of [t, ...(tensors ?? [])]) note(tensor, found);
  }
  return [...found];
}

function note(tensor: Tensor | undefined, found: Set<string>): void {
  if (tensor?.external) found.add(tensor.external.location);
}

async function fileSizes(path: string): Promise<FileSizes> {
  try {
    const { size } = await stat(path);
    const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: Math.min(size, 2 ** 30) };
    const [gzip, brotli] = await Promise.all([compressedSize(path, createGzip({ level: GZIP_LEVEL })), compressedSize(path, createBrotliCompress({ params }))]);
    return { raw: size, gzip, brotli };
  } catch (cause) {
    throw new EdgecError("CANNOT_READ", `cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function compressedSize(path: string, compressor: NodeJS.ReadWriteStream): Promise<number> {
  let bytes = 0;
  const count = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.byteLength;
      done();
    },
  });
  await pipeline(createReadStream(path, { highWaterMark: CHUNK }), compressor, count);
  return bytes;
}
