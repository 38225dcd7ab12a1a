/** Numbers in a temporary file of calibration, in this machine's byte order. */
import { closeSync, openSync } from "node:fs";
import { EdgecError } from "../errors.js";
import type { NumericArray } from "../ir/index.js";
import { readFully } from "../onnx/read-fully.js";
import { writeAll } from "../onnx/temporary-file.js";
import { systemErrorOf } from "../system-errors.js";

/** Reads and writes at given positions, in this thread: passes and solvers get statistics synchronously. */
export class ValuesFile {
  private constructor(
    readonly path: string,
    private readonly file: number,
  ) {}

  /** Creates a file that must not exist yet. Throws EdgecError CANNOT_WRITE. */
  static create(path: string): ValuesFile {
    return named(path, () => new ValuesFile(path, openSync(path, "wx")));
  }

  /** Throws EdgecError CANNOT_READ. */
  static open(path: string): ValuesFile {
    return named(path, () => new ValuesFile(path, openSync(path, "r")));
  }

  /** Fills the values from a byte position and returns them. Throws EdgecError CANNOT_READ. */
  read<T extends NumericArray>(values: T, position: number): T {
    return named(this.path, () => {
      if (readFully(this.file, bytesOf(values), position)) return values;
      throw new EdgecError("CANNOT_READ", "it ends too early, so something has changed it. Run edgec again.");
    });
  }

  /** Writes the values at a byte position and returns where they end. Throws EdgecError CANNOT_WRITE. */
  write(values: NumericArray, position: number): number {
    return named(this.path, () => writeAll(this.file, bytesOf(values), position));
  }

  close(): void {
    closeSync(this.file);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: NumericArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function named<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (cause) {
    const known = cause instanceof EdgecError ? cause : systemErrorOf(cause, path);
    if (!known) throw cause;
    throw new EdgecError(known.code, `the temporary file of calibration ${path}: ${known.message}`, {
      cause,
    });
  }
}
