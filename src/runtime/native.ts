/** Whether the native runtime is there. Times taken in another one say nothing of how fast a model is on this machine. */
import { outsideRun, untilAborted } from "../abort.js";
import { EdgecError } from "../errors.js";
import { openRemote } from "./remote.js";
import type { OnnxRuntime } from "./runtime.js";

export interface NativeRuntime {
  readonly isThere: boolean;
  /** Why it is not; the empty text where it is. */
  readonly reason: string;
  /** What runs instead; undefined where nothing does, or the native one is there. */
  readonly instead?: OnnxRuntime["name"];
}

const known = new Map<string, Promise<NativeRuntime>>();

/**
 * Loads the runtime in a child process, once for each value of EDGEC_RUNTIME, and tells which one it is.
 * Throws EdgecError BAD_OPTION for a value that there is not, and RUNTIME_CRASHED. Serves all
 * runs of the process: the end of one ends only its own waiting.
 */
export function nativeRuntime(): Promise<NativeRuntime> {
  const key = process.env.EDGEC_RUNTIME ?? "";
  const found = known.get(key) ?? outsideRun(look);
  known.set(key, found);
  // A failure is not kept: the next caller may have mended it.
  found.catch(() => known.delete(key));
  const waiting = untilAborted(found);
  // A caller may look at it only later.
  waiting.catch(() => undefined);
  return waiting;
}

async function look(): Promise<NativeRuntime> {
  try {
    const runtime = await openRemote();
    await runtime.close();
    if (runtime.name === "onnxruntime-node") return { isThere: true, reason: "" };
    return { isThere: false, reason: runtime.nativeMissing ?? "", instead: runtime.name };
  } catch (error) {
    if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING") throw error;
    return { isThere: false, reason: error.message };
  }
}
