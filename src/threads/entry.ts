/** The entry of a thread: imports the module that it was started for and answers calls to its functions in their order. */
import { parentPort, workerData } from "node:worker_threads";
import { transferable } from "../numeric/transferable.js";

export interface ThreadCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

export type ThreadAnswer = { readonly result: unknown } | { readonly failure: unknown };

type Functions = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

const functions = import(workerData as string) as Promise<Functions>;
// Reported by the first call.
functions.catch(() => undefined);

async function answer({ method, args }: ThreadCall): Promise<void> {
  try {
    const result = await (await functions)[method]!(...args);
    parentPort?.postMessage({ result } satisfies ThreadAnswer, transferable(result));
  } catch (failure) {
    parentPort?.postMessage({ failure } satisfies ThreadAnswer);
  }
}

let turn: Promise<void> = Promise.resolve();
parentPort?.on("message", (call: ThreadCall) => {
  turn = turn.then(() => answer(call));
});
