/** Reading a data file whole, with errors a person can act on. */
import { readFile } from "node:fs/promises";
import { EdgecError } from "../errors.js";
import { requireRegularFile } from "../regular-file.js";

/** Throws EdgecError CANNOT_READ with the system's reason, and for what is no regular file. */
export async function fileBytes(path: string): Promise<Uint8Array> {
  requireRegularFile(path);
  try {
    return await readFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : code === "ERR_FS_FILE_TOO_LARGE" ? "it is over 2 GiB; split it into several" : message;
    throw new EdgecError("CANNOT_READ", `cannot read ${path}: ${reason}`, { cause });
  }
}
