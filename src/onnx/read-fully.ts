/** Reading a part of a file, however large. */
import { readSync } from "node:fs";

/** One read call takes at most this many bytes: the kernel's own limit is just below 2 GiB. */
const READ_AT_MOST = 2 ** 30;

/** Fills `target` from `position` on; false when the file ends before. */
export function readFully(file: number, target: Uint8Array, position: number): boolean {
  for (let done = 0; done < target.byteLength;) {
    const got = readSync(
      file,
      target,
      done,
      Math.min(target.byteLength - done, READ_AT_MOST),
      position + done,
    );
    if (got === 0) return false;
    done += got;
  }
  return true;
}
