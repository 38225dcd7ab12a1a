/** Bytes that lie on a disk, read when they are asked for: how a model larger than memory is held. */

export interface ByteSource {
  /** Bytes. */
  readonly length: number;
  /**
   * Fills `target` with the bytes from `offset` on. Throws BadModelError when they cannot be read any more.
   */
  read(target: Uint8Array, offset: number): void;
}

/** Keeps large new tensors of a model outside memory until they are written. */
export interface TensorStore {
  /** A tensor of the same values; the same object where nothing is gained. */
  keep<T extends { readonly raw?: Uint8Array }>(tensor: T): T;
  /** Keeps `length` bytes that come in pieces, each of which is copied before the next is taken. */
  keepPieces(length: number, pieces: Iterable<Uint8Array>): Uint8Array | ByteSource;
}

/** Elements of every type lie whole within a piece of this size. */
const PIECE = 4 * 2 ** 20;

/** The bytes from first to last, in views on one buffer that the next view overwrites. */
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

/** `length` bytes that come in pieces, in one array. */
export function joinPieces(length: number, pieces: Iterable<Uint8Array>): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** All bytes, in an array of their own. */
export function readAll(source: ByteSource): Uint8Array {
  const bytes = new Uint8Array(source.length);
  source.read(bytes, 0);
  return bytes;
}
