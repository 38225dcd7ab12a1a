/**
 * Cancels a run. The AbortSignal given to a run is kept in async context, so code that starts a process or a
 * thread reads it here and no function in between has to pass it on.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

const signals = new AsyncLocalStorage<AbortSignal | undefined>();

/**
 * Runs `job` under `signal`. If the job fails after the signal was aborted, rejects with the signal's reason:
 * the failure is then only a consequence of the abort.
 */
export async function abortable<T>(signal: AbortSignal | undefined, job: () => Promise<T>): Promise<T> {
  if (!signal) return job();
  const outer = signals.getStore();
  const both = outer && outer !== signal ? AbortSignal.any([outer, signal]) : signal;
  both.throwIfAborted();
  try {
    return await signals.run(both, job);
  } catch (error) {
    both.throwIfAborted();
    throw error;
  }
}

/** The signal of the current run, if it has one. */
export function runSignal(): AbortSignal | undefined {
  return signals.getStore();
}

/** Throws the signal's reason if the run was aborted. */
export function throwIfAborted(): void {
  signals.getStore()?.throwIfAborted();
}

/** Calls `listener` once, when the run is aborted. Returns a function that removes the listener. */
export function onAbort(listener: (reason: Error) => void): () => void {
  const signal = signals.getStore();
  if (!signal) return () => undefined;
  const notifyListener = (): void =>
    listener(
      signal.reason instanceof Error
        ? signal.reason
        : new Error("the run was aborted", { cause: signal.reason }),
    );
  if (signal.aborted) notifyListener();
  else signal.addEventListener("abort", notifyListener, { once: true });
  return () => signal.removeEventListener("abort", notifyListener);
}

/** Waits for work that takes no signal, such as user code, but no longer than until the run is aborted. */
export async function untilAborted<T>(work: Promise<T> | T): Promise<T> {
  throwIfAborted();
  let stopListening = (): void => undefined;
  try {
    return await Promise.race([work, new Promise<never>((_, reject) => (stopListening = onAbort(reject)))]);
  } finally {
    stopListening();
  }
}

/** How long work may block the event loop, in milliseconds. Timers and signals wait that long. */
const MAX_TURN_MS = 40;
let turnBegan = performance.now();

/**
 * Await this between pieces of work on the main thread: when the last turn is a while ago, it lets timers,
 * signals and messages be handled. Throws the signal's reason if the run was aborted.
 */
export async function takeTurn(): Promise<void> {
  if (performance.now() - turnBegan > MAX_TURN_MS) {
    await nextTurn();
    turnBegan = performance.now();
  }
  throwIfAborted();
}
