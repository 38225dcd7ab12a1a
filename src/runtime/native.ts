/**
 * Finds out whether the native runtime is available. Times measured in another runtime do not show how fast a
 * model is on this machine.
 */
import { EdgecError } from "../errors.js";
import { openRemote, type RemoteRuntime } from "./remote.js";
import type { OnnxRuntime } from "./runtime.js";

export interface NativeRuntime {
  readonly isThere: boolean;
  /** Why it is not available; empty if it is. */
  readonly reason: string;
  /** The runtime used instead; undefined if there is none, or the native one is available. */
  readonly instead?: OnnxRuntime["name"];
}

const known = new Map<string, NativeRuntime>();

/** The look for a runtime at the start of a run, and the process that it started. */
export class RuntimeSearch {
  private opened: RemoteRuntime | undefined;
  private isClosed = false;

  /**
   * Loads the runtime in a child process, once for each value of EDGEC_RUNTIME, and returns which one it is.
   * Throws EdgecError BAD_OPTION for an unknown value, and RUNTIME_CRASHED. A failure is not remembered: its
   * cause may be gone by the next call.
   * @param keep whether the process stays open for `take`
   */
  async look(keep: boolean): Promise<NativeRuntime> {
    const key = process.env.EDGEC_RUNTIME ?? "";
    const found = known.get(key) ?? (await this.open());
    known.set(key, found);
    if (!keep) await this.close();
    return found;
  }

  /** The runtime that was started, for the first who asks; it is theirs to close. */
  take(): RemoteRuntime | undefined {
    const { opened } = this;
    this.opened = undefined;
    return opened?.pid === undefined ? undefined : opened;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.take()?.close();
  }

  private async open(): Promise<NativeRuntime> {
    try {
      const runtime = await openRemote();
      if (this.isClosed) await runtime.close();
      else this.opened = runtime;
      if (runtime.name === "onnxruntime-node") return { isThere: true, reason: "" };
      return { isThere: false, reason: runtime.nativeMissing ?? "", instead: runtime.name };
    } catch (error) {
      if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING") throw error;
      return { isThere: false, reason: error.message };
    }
  }
}
