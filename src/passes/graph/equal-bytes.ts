/** Compares constants by their bytes, in pieces if they are on disk. */
import { createHash } from "node:crypto";
import { tensorBytes, tensorPieces, tensorSource, type Tensor } from "../../ir/index.js";

const HASHED = 4096;

/** A hash of the first bytes, which distinguishes most constants. */
export function hashOfStart(tensor: Tensor): number {
  return fnv1a(firstBytes(tensor));
}

/** A cryptographic hash of all bytes, for which nobody can construct collisions. */
export function hashOfAll(tensor: Tensor): string {
  const hash = createHash("sha256");
  for (const piece of tensorPieces(tensor)) hash.update(piece);
  return hash.digest("base64");
}

/** Compares two tensors of equal size piece by piece. */
export function haveEqualBytes(a: Tensor, b: Tensor): boolean {
  const others = tensorPieces(b);
  for (const piece of tensorPieces(a)) {
    const other = others.next();
    if (other.done === true || Buffer.compare(piece, other.value) !== 0) return false;
  }
  return true;
}

function firstBytes(tensor: Tensor): Uint8Array {
  const source = tensorSource(tensor);
  if (!source) return tensorBytes(tensor).subarray(0, HASHED);
  const bytes = new Uint8Array(Math.min(HASHED, source.length));
  source.read(bytes, 0);
  return bytes;
}

/** The 32-bit FNV-1a hash (Fowler, Noll, Vo). */
function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
