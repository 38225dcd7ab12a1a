/**
 * Gives memory back before other processes need it. V8 lets garbage grow to several times what is in use, and
 * collects it only when this process itself asks for more.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/** To be called by a process that is edgec's own. In another's, a full collection may take long. */
export function ownMemory(): void {
  setFlagsFromString("--expose-gc");
  collect = runInNewContext("gc") as () => void;
}

/** Collects garbage in a process that is edgec's own. */
export function releaseMemory(): void {
  collect?.();
}
