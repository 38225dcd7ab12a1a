/**
 * Values of every sample at the boundary between two rounds, in a scratch file: the second round starts from them
 * instead of the model's inputs. Used in the calibration process, which alone sees activations.
 */
import { rmSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import type { Dataset } from "../data/dataset.js";
import type { DataType, Feed, NumericArray } from "../ir/index.js";

interface StoredValue {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
  /** Name of the array's class. */
  readonly array: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface StoredBoundary {
  readonly path: string;
  /** Of each sample, in order. */
  readonly samples: readonly (readonly StoredValue[])[];
}

export interface BoundaryTarget {
  readonly path: string;
  readonly names: readonly string[];
  /** Most bytes of the file. */
  readonly mostBytes: number;
}

const ARRAYS: ReadonlyMap<string, new (buffer: ArrayBuffer) => NumericArray> = new Map(
  [
    ...[Float32Array, Float64Array, Int8Array, Uint8Array, Int16Array, Uint16Array],
    ...[Int32Array, Uint32Array, BigInt64Array, BigUint64Array],
  ].map((array) => [array.name, array]),
);

/** Gives up in silence, because a round can always start from the inputs. */
export class BoundaryWriter {
  private file: FileHandle | undefined;
  private readonly samples: StoredValue[][] = [];
  private end = 0;
  private hasFailed = false;

  constructor(private readonly target: BoundaryTarget) {}

  async add(values: Feed): Promise<void> {
    if (this.hasFailed) return;
    try {
      const stored: StoredValue[] = [];
      for (const name of this.target.names) stored.push(await this.write(name, values));
      this.samples.push(stored);
    } catch {
      await this.giveUp();
    }
  }

  /** Undefined if not all values could be stored. */
  async finish(): Promise<StoredBoundary | undefined> {
    await this.file?.close();
    this.file = undefined;
    return this.hasFailed ? undefined : { path: this.target.path, samples: this.samples };
  }

  private async write(name: string, values: Feed): Promise<StoredValue> {
    const { dataType, dims, data } = values[name] ?? {};
    if (dataType === undefined || !dims || !ArrayBuffer.isView(data) || !ARRAYS.has(data.constructor.name))
      throw new Error("the runtime gives no numbers for it");
    const { buffer, byteOffset, byteLength: bytes } = data;
    const offset = this.end;
    if (offset + bytes > this.target.mostBytes) throw new Error("the values take too much space");
    this.file ??= await open(this.target.path, "wx");
    for (let at = 0; at < bytes;) {
      const rest = new Uint8Array(buffer, byteOffset + at, bytes - at);
      at += (await this.file.write(rest, 0, rest.length, offset + at)).bytesWritten;
    }
    this.end += bytes;
    return { name, dataType, dims, array: data.constructor.name, offset, bytes };
  }

  private async giveUp(): Promise<void> {
    this.hasFailed = true;
    this.samples.length = 0;
    await this.file?.close().catch(() => undefined);
    this.file = undefined;
    rmSync(this.target.path, { force: true });
  }
}

export class BoundaryReader {
  private file: FileHandle | undefined;

  constructor(private readonly boundary: StoredBoundary) {}

  async read(sample: number): Promise<Feed> {
    const values: [string, Feed[string]][] = [];
    for (const { name, dataType, dims, array, offset, bytes } of this.boundary.samples[sample] ?? []) {
      this.file ??= await open(this.boundary.path, "r");
      const buffer = new ArrayBuffer(bytes);
      for (let at = 0; at < bytes;) {
        const { bytesRead } = await this.file.read(new Uint8Array(buffer), at, bytes - at, offset + at);
        if (bytesRead === 0) throw new Error("a temporary file of calibration was truncated");
        at += bytesRead;
      }
      values.push([name, { dataType, dims, data: new (ARRAYS.get(array)!)(buffer) }]);
    }
    return Object.fromEntries(values);
  }

  async close(): Promise<void> {
    await this.file?.close();
    this.file = undefined;
  }
}

/** The stored values of each sample in place of its inputs. */
export function storedSamples(dataset: Dataset, boundary: StoredBoundary): Dataset {
  return {
    ...dataset,
    async *samples() {
      const reader = new BoundaryReader(boundary);
      try {
        for (const index of boundary.samples.keys()) yield { feed: await reader.read(index) };
      } finally {
        await reader.close();
      }
    },
  };
}
