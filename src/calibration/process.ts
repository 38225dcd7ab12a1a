/**
 * The child process that a run calibrates in and scores models in, one after the other: two would take
 * twice the memory.
 */
import { RemoteRuntime, startService, type ServiceClient } from "../runtime/index.js";
import type * as CalibrationService from "./service.js";

export type CalibrationClient = ServiceClient<typeof CalibrationService>;

/**
 * What the process may hold while nobody uses it: with more it ends, as the memory is wanted elsewhere.
 * Bytes.
 */
const MOST_IDLE = 160 * 2 ** 20;

export class CalibrationProcess {
  private running: CalibrationClient | undefined;

  /** Starts the process when there is none, as after a crash. Throws EdgecError RUNTIME_MISSING. */
  async client(): Promise<CalibrationClient> {
    if (this.running?.pid === undefined) {
      await this.close();
      this.running = await startService<typeof CalibrationService>(new URL("./service.js", import.meta.url), {
        label: "onnxruntime",
      });
    }
    return this.running;
  }

  /** The runtime in the process, valid until it ends. Throws as `client`. */
  async runtime(): Promise<RemoteRuntime> {
    return RemoteRuntime.over(await this.client());
  }

  /**
   * To be called when nothing is under way: keeps the process, which takes a while to start, unless it has
   * grown large.
   */
  async rest(): Promise<void> {
    const bytes = await this.running?.call("residentBytes", []).catch(() => Infinity);
    if (bytes !== undefined && bytes > MOST_IDLE) await this.close();
  }

  async close(): Promise<void> {
    await this.running?.close();
    this.running = undefined;
  }
}
