/**
 * Finds out whether the native runtime is available. Times measured in another runtime do not show how fast a
 * model is on this machine.
 */
import { abortable } from "../abort.js";
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
  private opening: AbortController | undefined;
  private looking: Promise<unknown> = Promise.resolve();

  /**
   * Loads the runtime in a child process, once for each value of EDGEC_RUNTIME, and returns which one it is.
   * Throws EdgecError BAD_OPTION for an unknown value, and RUNTIME_CRASHED. A failure is not remembered: its
   * cause may be gone by the next call.
   * @param keep whether the process stays open for `take`
   */
  look(keep: boolean): Promise<NativeRuntime> {
    const looking = this.find(keep);
    this.looking = looking.catch(() => undefined);
    return looking;
  }

  /** The runtime that was started, for the first who asks; it is theirs to close. */
  take(): RemoteRuntime | undefined {
    const { opened } = this;
    this.opened = undefined;
    return opened?.pid === undefined ? undefined : opened;
  }

  /** Ends a look that is under way, which then rejects. No process that was not taken is left afterwards. */
  async close(): Promise<void> {
    this.opening?.abort(new Error("the run ended before the runtime was found"));
    await this.looking;
    await this.closeOpened();
  }

  private async closeOpened(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    await opened?.close();
  }

  private async find(keep: boolean): Promise<NativeRuntime> {
    const key = process.env.EDGEC_RUNTIME ?? "";
    const found = known.get(key) ?? (await this.open());
    known.set(key, found);
    if (!keep) await this.closeOpened();
    return found;
  }

  private async open(): Promise<NativeRuntime> {
    // One that is taken outlives the search, so only a look under way is aborted.
    const opening = (this.opening = new AbortController());
    try {
      const runtime = await abortable(opening.signal, () => openRemote());
      this.opened = runtime;
      if (runtime.name === "onnxruntime-node") return { isThere: true, reason: "" };
      return { isThere: false, reason: runtime.nativeMissing ?? "", instead: runtime.name };
    } catch (error) {
      if (!(error instanceof EdgecError) || error.code !== "RUNTIME_MISSING") throw error;
      return { isThere: false, reason: error.message };
    } finally {
      this.opening = undefined;
    }
  }
}
