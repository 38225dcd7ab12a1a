/** Bytes on disk that are read on demand, for models larger than memory. */

export interface ByteSource {
  /** Bytes. */
  readonly length: number;
  /** Fills `target` with the bytes from `offset` on. Throws BadModelError if they can no longer be read. */
  read(target: Uint8Array, offset: number): void;
}

/** Keeps large new tensors of a model outside memory until they are written. */
export interface TensorStore {
  /** A tensor with the same values; the same object if moving it gains nothing. */
  keep<T extends { readonly raw?: Uint8Array }>(tensor: T): T;
  /** Stores `length` bytes that arrive in pieces; each is copied before the next is requested. */
  keepPieces(length: number, pieces: Iterable<Uint8Array>): Uint8Array | ByteSource;
}

/** A multiple of all element sizes, so that elements are never split between pieces. */
const PIECE = 4 * 2 ** 20;

/** The bytes in order, as views on one buffer that the next view overwrites. */
export function* pieces(source: ByteSource | Uint8Array, size = PIECE): Generator<Uint8Array, void> {
  if (source instanceof Uint8Array) {
    for (let offset = 0; offset < source.byteLength; offset += size)
      yield source.subarray(offset, offset + size);
    return;
  }
  const buffer = new Uint8Array(Math.min(size, source.length));
  for (let offset = 0; offset < source.length; offset += size) {
    const piece = buffer.subarray(0, Math.min(size, source.length - offset));
    source.read(piece, offset);
    yield piece;
  }
}

/** Collects `length` bytes that arrive in pieces into one array. */
export function joinPieces(length: number, pieces: Iterable<Uint8Array>): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** Copies all bytes into a new array. */
export function readAll(source: ByteSource): Uint8Array {
  const bytes = new Uint8Array(source.length);
  source.read(bytes, 0);
  return bytes;
}
