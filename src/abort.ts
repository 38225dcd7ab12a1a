/**
 * Ending a run early. The signal that a run was given holds for all that happens in it, however deep: what starts a
 * process or a thread asks for it here, so that no function on the way has to hand it on, and none can forget to.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

const signals = new AsyncLocalStorage<AbortSignal | undefined>();

/**
 * Carries out `job` under `signal`. Rejects with the signal's reason when the job fails after the signal was aborted,
 * whatever the failure was: what the abort tears down fails in ways of its own.
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

/** The signal of the run that this is part of, if it has one. */
export function runSignal(): AbortSignal | undefined {
  return signals.getStore();
}

/** Throws the reason once the run is aborted. */
export function throwIfAborted(): void {
  signals.getStore()?.throwIfAborted();
}

/** Calls back once, when the run is aborted. Returns what ends the listening. */
export function onAbort(listener: (reason: Error) => void): () => void {
  const signal = signals.getStore();
  if (!signal) return () => undefined;
  const tell = (): void => listener(signal.reason instanceof Error ? signal.reason : new Error("the run was aborted", { cause: signal.reason }));
  if (signal.aborted) tell();
  else signal.addEventListener("abort", tell, { once: true });
  return () => signal.removeEventListener("abort", tell);
}

/**
 * Starts what serves every run of this process: no run's signal holds for it, so that ending the run that happened to
 * start it fails no other. Each caller waits for it with `untilAborted`.
 */
export function outsideRun<T>(job: () => T): T {
  return signals.run(undefined, job);
}

/** Waits for work that knows of no signal, such as a user's own, no longer than until the run is aborted. */
export async function untilAborted<T>(work: Promise<T> | T): Promise<T> {
  throwIfAborted();
  let stopListening = (): void => undefined;
  try {
    return await Promise.race([work, new Promise<never>((_, reject) => (stopListening = onAbort(reject)))]);
  } finally {
    stopListening();
  }
}

/** How long work may keep the event loop to itself, milliseconds: timers and signals wait for that long. */
const LONGEST_TURN_MS = 40;
let turnBegan = performance.now();

/**
 * To be awaited between pieces of work on the main thread: lets timers, signals and messages be heard where it has been
 * a while. Throws the reason once the run is aborted.
 */
export async function takeTurn(): Promise<void> {
  if (performance.now() - turnBegan > LONGEST_TURN_MS) {
    await nextTurn();
    turnBegan = performance.now();
  }
  throwIfAborted();
}
