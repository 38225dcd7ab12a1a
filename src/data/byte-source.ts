/** Ranges of bytes in a file, plain or deflated, that are read in pieces from start to end. */
import { once } from "node:events";
import { createInflateRaw, type InflateRaw } from "node:zlib";
import { BadDataError } from "../errors.js";
import { DataFile } from "./data-file.js";

/** Bytes that can be read again and again. */
export interface ByteSource {
  readonly length: number;
  open(): Promise<ByteReader>;
}

/** One reading from the start. Close it when done. */
export interface ByteReader {
  /**
   * The next bytes, in a new buffer. Throws BadDataError if fewer remain, and EdgecError
   * CANNOT_READ.
   */
  read(length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Compressed bytes to read at once. */
const PIECE = 2 ** 18;

/** The bytes of a file from `offset` on. */
export function plainBytes(path: string, offset: number, length: number): ByteSource {
  return {
    length,
    async open() {
      const file = await DataFile.open(path);
      let at = 0;
      return {
        async read(count) {
          const bytes = await file.read(offset + at, Math.min(count, length - at));
          at += bytes.length;
          if (bytes.length < count) throw endsEarly(path);
          return bytes;
        },
        close: () => file.close(),
      };
    },
  };
}

/**
 * The content of deflated bytes of a file. It is not cached, so each reading inflates it again.
 * @param length of the content, as the file says
 * @param where the start of messages
 */
export function deflatedBytes(
  path: string,
  { offset, packed, length }: { readonly offset: number; readonly packed: number; readonly length: number },
  where: string,
): ByteSource {
  return {
    length,
    async open() {
      const file = await DataFile.open(path);
      const reader = new InflatingReader(compressed(file, offset, packed), where);
      return {
        read: (count) => reader.read(count),
        close: async () => {
          reader.close();
          await file.close();
        },
      };
    },
  };
}

async function* compressed(file: DataFile, offset: number, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length;) {
    const bytes = await file.read(offset + at, Math.min(PIECE, length - at));
    if (bytes.length === 0) return;
    at += bytes.length;
    yield bytes;
  }
}

class InflatingReader {
  private readonly inflate: InflateRaw = createInflateRaw({ chunkSize: PIECE });
  private readonly pieces: AsyncIterator<Buffer>;
  private left: Uint8Array = new Uint8Array(0);

  constructor(
    source: AsyncIterable<Uint8Array>,
    private readonly where: string,
  ) {
    this.pieces = (this.inflate as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    void feed(this.inflate, source);
  }

  async read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      if (this.left.length === 0) this.left = await this.next();
      const part = this.left.subarray(0, length - at);
      bytes.set(part, at);
      this.left = this.left.subarray(part.length);
      at += part.length;
    }
    return bytes;
  }

  close(): void {
    this.inflate.destroy();
  }

  private async next(): Promise<Uint8Array> {
    let piece: IteratorResult<Buffer, undefined>;
    try {
      piece = (await this.pieces.next()) as IteratorResult<Buffer, undefined>;
    } catch (cause) {
      throw cause instanceof BadDataError ? cause : damaged(this.where, (cause as Error).message, cause);
    }
    if (piece.done === true) throw damaged(this.where, "its compressed content ends early");
    return piece.value;
  }
}

/** Writes the source to the stream at the stream's pace; a failure becomes the stream's. */
async function feed(inflate: InflateRaw, source: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const bytes of source) {
      if (inflate.destroyed) return;
      if (!inflate.write(bytes)) await Promise.race([once(inflate, "drain"), once(inflate, "close")]);
    }
    inflate.end();
  } catch (error) {
    inflate.destroy(error as Error);
  }
}

function damaged(where: string, reason: string, cause?: unknown): BadDataError {
  return new BadDataError(`${where}: not a readable .npz (zip) file: ${reason}`, { cause });
}

/** The file was longer when it was opened. */
function endsEarly(path: string): BadDataError {
  return new BadDataError(`${path}: the file ends early: it has changed while it was read`);
}
