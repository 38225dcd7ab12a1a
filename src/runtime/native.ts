/**
 * Finds out whether the native runtime is available. Times measured in another runtime do not show how fast a
 * model is on this machine.
 */
import { outsideRun, untilAborted } from "../abort.js";
import { EdgecError } from "../errors.js";
import { openRemote } from "./remote.js";
import type { OnnxRuntime } from "./runtime.js";

export interface NativeRuntime {
  readonly isThere: boolean;
  /** Why it is not available; empty if it is. */
  readonly reason: string;
  /** The runtime used instead; undefined if there is none, or the native one is available. */
  readonly instead?: OnnxRuntime["name"];
}

const known = new Map<string, Promise<NativeRuntime>>();

/**
 * Loads the runtime in a child process, once for each value of EDGEC_RUNTIME, and returns which one it is.
 * Throws EdgecError BAD_OPTION for an unknown value, and RUNTIME_CRASHED. The result is shared by all runs of
 * the process: aborting one run only ends its own wait.
 */
export function nativeRuntime(): Promise<NativeRuntime> {
  const key = process.env.EDGEC_RUNTIME ?? "";
  const found = known.get(key) ?? outsideRun(look);
  known.set(key, found);
  // A failure is not cached: its cause may be gone by the next call.
  found.catch(() => known.delete(key));
  const waiting = untilAborted(found);
  // A caller may await it only later.
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
