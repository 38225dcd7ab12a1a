/**
 * The child process in which a run calibrates and scores models, one after the other: two processes would
 * need twice the memory.
 */
import { RemoteRuntime, startService, type ServiceClient } from "../runtime/index.js";
import type * as CalibrationService from "./service.js";

export type CalibrationClient = ServiceClient<typeof CalibrationService>;

/**
 * Most memory in bytes that the process may hold while idle. If it holds more, it ends, because others need
 * the memory.
 */
const MAX_IDLE_BYTES = 160 * 2 ** 20;

export class CalibrationProcess {
  private running: CalibrationClient | undefined;

  /** Starts the process if there is none, for example after a crash. Throws EdgecError RUNTIME_MISSING. */
  async client(): Promise<CalibrationClient> {
    if (this.running?.pid === undefined) {
      await this.close();
      this.running = await startService<typeof CalibrationService>(new URL("./service.js", import.meta.url), {
        label: "onnxruntime",
      });
    }
    return this.running;
  }

  /** The runtime in the process, valid until the process ends. Throws as `client` does. */
  async runtime(): Promise<RemoteRuntime> {
    return RemoteRuntime.over(await this.client());
  }

  /**
   * Call it when the process is idle. Keeps the process, which takes a while to start, unless it has grown
   * large.
   */
  async rest(): Promise<void> {
    const bytes = await this.running?.call("residentBytes", []).catch(() => Infinity);
    if (bytes !== undefined && bytes > MAX_IDLE_BYTES) await this.close();
  }

  async close(): Promise<void> {
    await this.running?.close();
    this.running = undefined;
  }
}
