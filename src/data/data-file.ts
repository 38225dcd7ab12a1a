/** Reads parts of a data file at given positions, so that memory does not depend on the file's size. */
import { open, type FileHandle } from "node:fs/promises";
import { EdgecError } from "../errors.js";
import { requireRegularFile } from "../regular-file.js";

/** Bytes of one system call, which takes at most 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;

/** An open file. Close it when done. */
export class DataFile {
  private constructor(
    readonly path: string,
    readonly length: number,
    private readonly handle: FileHandle,
  ) {}

  /** Throws EdgecError CANNOT_READ with the system's reason, and for what is no regular file. */
  static async open(path: string): Promise<DataFile> {
    requireRegularFile(path);
    let handle: FileHandle | undefined;
    try {
      handle = await open(path);
      return new DataFile(path, (await handle.stat()).size, handle);
    } catch (cause) {
      await handle?.close();
      throw unreadable(path, cause);
    }
  }

  /**
   * `length` bytes from `position`, in a buffer of their own; fewer where the file ends. Throws EdgecError
   * CANNOT_READ.
   */
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, this.length - position)));
    let done = 0;
    try {
      while (done < bytes.length) {
        const most = Math.min(MOST_AT_ONCE, bytes.length - done);
        const { bytesRead } = await this.handle.read(bytes, done, most, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
    return new Uint8Array(bytes.buffer, 0, done);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** The system's error with the file's name and the reason. */
export function unreadable(path: string, cause: unknown): EdgecError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason =
    code === "ENOENT"
      ? "there is no such file"
      : code === "ERR_FS_FILE_TOO_LARGE"
        ? "it is larger than 2 GiB, and a file of this kind is read whole"
        : message;
  return new EdgecError("CANNOT_READ", `cannot read ${path}: ${reason}`, { cause });
}
