/**
 * Frees the tensors of past runs in time. Their memory is outside V8's heap, which then sees no reason to collect:
 * a process that ran segments of 256 MiB each held a gigabyte of used-up ones.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Feed, NumericArray } from "../ir/index.js";

/** Bytes that may be used up before they are collected. */
const MOST_BYTES = 2 ** 27;

let collect: (() => void) | undefined;

export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
}

/** Counts used-up bytes. */
export class UsedMemory {
  private bytes = 0;

  add(values: Feed): void {
    for (const { data } of Object.values(values))
      if (!Array.isArray(data)) this.bytes += (data as NumericArray).byteLength;
  }

  /** To be called when nothing refers to the values any more. */
  free(): void {
    if (this.bytes < MOST_BYTES) return;
    this.bytes = 0;
    collectGarbage();
  }
}
