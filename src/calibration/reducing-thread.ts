/**
 * The functions of a thread that reduces tensors to statistics while the main thread runs the next sample.
 */
import type { Feed } from "../ir/index.js";
import type { ScalarRequest, StatisticRequest } from "../numeric/statistics.js";
import { UsedMemory } from "./collect-garbage.js";
import { Reducer, type TensorProblem, type Statistic } from "./reducer.js";

/** Gram matrices need the runtime's matrix product, so they are reduced on the main thread. */
const noProduct = (): Promise<never> =>
  Promise.reject(new Error("Gram requests are reduced on the main thread"));

const used = new UsedMemory();
let reducer = new Reducer([], 1, noProduct);

/** Call it first, with all requests. */
export function begin(requests: readonly StatisticRequest[]): void {
  reducer = new Reducer(requests, 1, noProduct);
}

export async function reduce(values: Feed): Promise<TensorProblem | undefined> {
  used.add(values);
  const problem = await reducer.observe(values);
  // When the answer has been sent, nothing refers to the values.
  setImmediate(() => used.free());
  return problem;
}

export function takeStatistic(request: ScalarRequest): Promise<Statistic | undefined> {
  return reducer.takeStatistic(request);
}
