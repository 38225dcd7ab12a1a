/** One temporary file for the large tensors that passes make, so that they do not accumulate in memory. */
import { closeSync, openSync, rmSync } from "node:fs";
import { BadModelError, EdgecError } from "../errors.js";
import { systemErrorOf } from "../system-errors.js";
import { joinPieces, type ByteSource, type TensorStore } from "../ir/index.js";
import { readFully } from "./read-fully.js";
import { writeAll } from "./temporary-file.js";

export interface ScratchLimits {
  /** Most bytes to keep in memory before the first tensor goes to the file. Default 16 MiB. */
  readonly inMemory?: number;
  /** Smaller tensors stay in memory. Default 64 KiB. */
  readonly minBytes?: number;
}

const IN_MEMORY = 16 * 2 ** 20;
const MIN_BYTES = 65_536;

/** Its tensors can be read until `close`. */
export class ScratchFile implements TensorStore {
  private file: number | undefined;
  private end = 0;
  private heldBytes = 0;
  private readonly inMemory: number;
  private readonly minBytes: number;

  /** The file is created with the first tensor, at a path where none exists. */
  constructor(
    private readonly path: string,
    { inMemory = IN_MEMORY, minBytes = MIN_BYTES }: ScratchLimits = {},
  ) {
    this.inMemory = inMemory;
    this.minBytes = minBytes;
  }

  keep<T extends { readonly raw?: Uint8Array }>(tensor: T): T {
    const { raw, ...rest } = tensor;
    // A view on a larger buffer, such as that of the file that was read, would free nothing.
    if (!raw || raw.byteLength < this.minBytes || raw.byteLength < raw.buffer.byteLength / 2) return tensor;
    if (this.hasRoom(raw.byteLength)) return tensor;
    return { ...rest, lazy: this.store(raw.byteLength, [raw]) } as unknown as T;
  }

  keepPieces(length: number, pieces: Iterable<Uint8Array>): Uint8Array | ByteSource {
    return length < this.minBytes || this.hasRoom(length)
      ? joinPieces(length, pieces)
      : this.store(length, pieces);
  }

  /** Whether it contains a tensor. */
  get isUsed(): boolean {
    return this.end > 0;
  }

  /** Removes the file. Its tensors can no longer be read. */
  close(): void {
    if (this.file === undefined) return;
    closeSync(this.file);
    this.file = undefined;
    rmSync(this.path, { force: true });
  }

  /** Reserves memory, if `bytes` more may stay there. */
  private hasRoom(bytes: number): boolean {
    this.heldBytes += bytes;
    return this.heldBytes <= this.inMemory;
  }

  /** Throws EdgecError CANNOT_WRITE when the disk is full. */
  private store(length: number, pieces: Iterable<Uint8Array>): ByteSource {
    const start = this.end;
    try {
      this.file ??= openSync(this.path, "wx+");
      for (const piece of pieces) this.end = writeAll(this.file, piece, this.end);
    } catch (cause) {
      const systemError = systemErrorOf(cause);
      if (!systemError) throw cause;
      throw new EdgecError(
        systemError.code,
        `cannot keep large tensors in the file ${this.path}: ${systemError.message}`,
        { cause },
      );
    }
    return { length, read: (target, offset) => this.read(target, start + offset) };
  }

  private read(target: Uint8Array, position: number): void {
    if (this.file === undefined || !readFully(this.file, target, position)) {
      throw new BadModelError(
        "the temporary file of a tensor was removed. Read the compressed model from its path instead.",
      );
    }
  }
}
