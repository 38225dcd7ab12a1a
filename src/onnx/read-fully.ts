/** Reads a part of a file, however large. */
import { readSync } from "node:fs";

/** Most bytes per read call: the kernel's own limit is just below 2 GiB. */
const MAX_READ_BYTES = 2 ** 30;

/** Fills `target` from `position` on; false if the file ends too early. */
export function readFully(file: number, target: Uint8Array, position: number): boolean {
  for (let done = 0; done < target.byteLength;) {
    const got = readSync(
      file,
      target,
      done,
      Math.min(target.byteLength - done, MAX_READ_BYTES),
      position + done,
    );
    if (got === 0) return false;
    done += got;
  }
  return true;
}
