/** What a thread does that reduces the tensors it is sent to statistics, while the main thread runs the next sample. */
import type { Feed } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import { Reducer, type Problem, type Statistic } from "./reducer.js";

/** Gram matrices need the runtime's matrix product and stay on the main thread. */
const noProduct = (): Promise<never> => Promise.reject(new Error("Gram requests are reduced on the main thread"));

let reducer = new Reducer([], 1, noProduct);

/** To be called first: what will be asked for. */
export function begin(requests: readonly StatisticRequest[]): void {
  reducer = new Reducer(requests, 1, noProduct);
}

export function reduce(values: Feed): Promise<Problem | undefined> {
  return reducer.observe(values);
}

export function take(request: StatisticRequest): Promise<Statistic | undefined> {
  return reducer.take(request);
}
