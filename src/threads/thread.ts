/** Running a module's functions on a thread of their own. Large arrays are handed over, not copied, both ways. */
import { Worker } from "node:worker_threads";
import { builtModule } from "../built-module.js";
import { transferable } from "../numeric/transferable.js";
import type { ThreadAnswer, ThreadCall } from "./entry.js";

/** The names of `T`'s functions. */
export type MethodOf<T> = { [K in keyof T]: T[K] extends (...args: never[]) => unknown ? K : never }[keyof T] & string;
export type ArgumentsOf<F> = F extends (...args: infer A) => unknown ? A : never;
export type ResultOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

interface Waiting { resolve(result: unknown): void; reject(reason: unknown): void }

/** One thread. Calls are carried out in their order; stop it when done. */
export class Thread<T> {
  private readonly worker: Worker;
  private readonly waiting: Waiting[] = [];
  private failure: Error | undefined;

  /**
   * @param moduleUrl `new URL("./my-functions.js", import.meta.url)`
   * @throws what `new Worker` throws, as where Node's permission model forbids threads (ERR_ACCESS_DENIED)
   */
  constructor(moduleUrl: URL) {
    // Flags of the process, such as those of a debugger, are not for its threads.
    this.worker = new Worker(builtModule(new URL("./entry.js", import.meta.url)), { workerData: builtModule(moduleUrl).href, execArgv: [] });
    this.worker.on("message", (answer: ThreadAnswer) => {
      const caller = this.waiting.shift();
      if (this.waiting.length === 0) this.worker.unref();
      if ("failure" in answer) caller?.reject(answer.failure);
      else caller?.resolve(answer.result);
    });
    this.worker.on("error", (error) => this.fail(error));
    this.worker.on("exit", () => this.fail(new Error("a thread ended early")));
    this.worker.unref();
  }

  /** Calls under way. */
  get load(): number {
    return this.waiting.length;
  }

  /** Arrays that fill their buffer may be gone for the caller afterwards; see `transferable`. */
  call<K extends MethodOf<T>>(method: K, args: ArgumentsOf<T[K]>): Promise<ResultOf<T[K]>> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.worker.ref();
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve: (result) => resolve(result as ResultOf<T[K]>), reject });
      this.worker.postMessage({ method, args: args as readonly unknown[] } satisfies ThreadCall, transferable(args));
    });
  }

  /** Ends the thread, whatever it is doing; calls under way are rejected with `reason`. */
  async stop(reason = new Error("the thread was stopped")): Promise<void> {
    this.fail(reason);
    await this.worker.terminate();
  }

  /** The first failure stays: what comes after it is its consequence. */
  private fail(reason: Error): void {
    this.failure ??= reason;
    for (const caller of this.waiting.splice(0)) caller.reject(this.failure);
  }
}
