/**
 * Keeps the memory of edgec's own process low, and gives it back before other processes need it. V8 lets garbage grow
 * to three times what is in use, and keeps the pages of what it has collected.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How far the heap grows between two collections, in percent of what is in use. */
const GROWTH = 100;

let collect: (() => void) | undefined;

/** To be called at the start of a process that is edgec's own: in another's, these are not for edgec to decide. */
export function ownMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
  setFlagsFromString("--expose-gc");
  collect = runInNewContext("gc") as () => void;
}

/** In a process that is edgec's own: collects garbage and returns its pages to the system. */
export function releaseMemory(): void {
  if (!collect) return;
  setFlagsFromString("--compact-on-every-full-gc");
  collect();
  // The pages that the first one has emptied, and the buffers of tensors.
  collect();
  setFlagsFromString("--no-compact-on-every-full-gc");
}
