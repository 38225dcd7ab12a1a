/**
 * Values of every sample at the boundary between two rounds, in a scratch file: the second round starts from them
 * instead of the model's inputs. Used in the calibration process, which alone sees activations.
 */
import { rmSync } from "node:fs";
import type { Dataset } from "../data/dataset.js";
import type { DataType, Feed, NumericArray } from "../ir/index.js";
import { ValuesFile } from "./values-file.js";

interface StoredValue {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly number[];
  /** Name of the array's class. */
  readonly array: string;
  /** How many values. */
  readonly length: number;
  /** Where they start, in bytes. */
  readonly offset: number;
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

const ARRAYS: ReadonlyMap<string, new (length: number) => NumericArray> = new Map(
  [
    ...[Float32Array, Float64Array, Int8Array, Uint8Array, Int16Array, Uint16Array],
    ...[Int32Array, Uint32Array, BigInt64Array, BigUint64Array],
  ].map((array) => [array.name, array]),
);

/** Gives up in silence, because a round can always start from the inputs. */
export class BoundaryWriter {
  private file: ValuesFile | undefined;
  private readonly samples: StoredValue[][] = [];
  private end = 0;
  private hasFailed = false;

  constructor(private readonly target: BoundaryTarget) {}

  add(values: Feed): void {
    if (this.hasFailed) return;
    try {
      this.samples.push(this.target.names.map((name) => this.write(name, values)));
    } catch {
      this.giveUp();
    }
  }

  /** Undefined if not all values could be stored. */
  finish(): StoredBoundary | undefined {
    this.file?.close();
    this.file = undefined;
    return this.hasFailed ? undefined : { path: this.target.path, samples: this.samples };
  }

  private write(name: string, values: Feed): StoredValue {
    const { dataType, dims, data } = values[name] ?? {};
    if (dataType === undefined || !dims || !ArrayBuffer.isView(data) || !ARRAYS.has(data.constructor.name))
      throw new Error("the runtime gives no numbers for it");
    const offset = this.end;
    if (offset + data.byteLength > this.target.mostBytes) throw new Error("the values take too much space");
    this.file ??= ValuesFile.create(this.target.path);
    this.end = this.file.write(data, offset);
    return { name, dataType, dims, array: data.constructor.name, length: data.length, offset };
  }

  private giveUp(): void {
    this.hasFailed = true;
    this.samples.length = 0;
    this.file?.close();
    this.file = undefined;
    rmSync(this.target.path, { force: true });
  }
}

export class BoundaryReader {
  private file: ValuesFile | undefined;

  constructor(private readonly boundary: StoredBoundary) {}

  /** Throws EdgecError CANNOT_READ. */
  read(sample: number): Feed {
    const values: [string, Feed[string]][] = [];
    for (const { name, dataType, dims, array, length, offset } of this.boundary.samples[sample] ?? []) {
      this.file ??= ValuesFile.open(this.boundary.path);
      const data = this.file.read(new (ARRAYS.get(array)!)(length), offset);
      values.push([name, { dataType, dims, data }]);
    }
    return Object.fromEntries(values);
  }

  close(): void {
    this.file?.close();
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
        for (const index of boundary.samples.keys()) yield { feed: reader.read(index) };
      } finally {
        reader.close();
      }
    },
  };
}
