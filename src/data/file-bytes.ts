/** Reads a whole data file, with errors that say what to do. */
import { readFile } from "node:fs/promises";
import { requireRegularFile } from "../regular-file.js";
import { unreadable } from "./data-file.js";

/**
 * For files that are small by nature: labels, and one tensor. Throws EdgecError CANNOT_READ with the system's
 * reason, and for what is no regular file.
 */
export async function fileBytes(path: string): Promise<Uint8Array> {
  requireRegularFile(path);
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
