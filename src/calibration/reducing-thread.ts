/** A thread that reduces the tensors it is sent to statistics, while the main thread runs the next sample. */
import { parentPort, workerData } from "node:worker_threads";
import type { Feed } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import { Reducer, type Problem, type Statistic } from "./reducer.js";

export type ThreadCall =
  | { readonly kind: "reduce"; readonly values: Feed }
  | { readonly kind: "take"; readonly request: StatisticRequest };

export type ThreadAnswer = { readonly result: Problem | Statistic | undefined } | { readonly failure: string };

/** Gram matrices need the runtime's matrix product and stay on the main thread. */
const noProduct = (): Promise<never> => Promise.reject(new Error("Gram requests are reduced on the main thread"));

const reducer = new Reducer(workerData as readonly StatisticRequest[], 1, noProduct);

async function answer(call: ThreadCall): Promise<ThreadAnswer> {
  try {
    return { result: call.kind === "take" ? await reducer.take(call.request) : await reducer.observe(call.values) };
  } catch (error) {
    return { failure: (error as Error).stack ?? String(error) };
  }
}

parentPort?.on("message", (call: ThreadCall) => void answer(call).then((result) => parentPort?.postMessage(result)));
