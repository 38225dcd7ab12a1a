/** A few threads with the same module's functions, which share out what is asked of them. */
import { onAbort } from "../abort.js";
import { type ArgumentsOf, type MethodOf, type ResultOf, Thread } from "./thread.js";

/** Threads start when they are first needed. Close it when done. Ends at once when the run is aborted that first uses it. */
export class ThreadPool<T> {
  private readonly threads: Thread<T>[] = [];
  private stopListening = (): void => undefined;

  constructor(private readonly moduleUrl: URL, readonly size: number) {}

  /** As `Thread.call`, on the thread that has least to do. Throws as `new Thread` where one must be started. */
  call<K extends MethodOf<T>>(method: K, args: ArgumentsOf<T[K]>): Promise<ResultOf<T[K]>> {
    return this.idlest().call(method, args);
  }

  async close(reason?: Error): Promise<void> {
    this.stopListening();
    await Promise.all(this.threads.splice(0).map((thread) => thread.stop(reason)));
  }

  private idlest(): Thread<T> {
    const [first] = [...this.threads].sort((a, b) => a.load - b.load);
    if (first && (first.load === 0 || this.threads.length >= this.size)) return first;
    const thread = new Thread<T>(this.moduleUrl);
    this.threads.push(thread);
    if (this.threads.length === 1) this.stopListening = onAbort((reason) => void Promise.all(this.threads.map((each) => each.stop(reason))));
    return thread;
  }
}
