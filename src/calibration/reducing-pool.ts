/** Reduces tensors on separate threads. Tensors are transferred, not copied. */
import type { Feed, TensorValue } from "../ir/index.js";
import type { ScalarRequest, StatisticRequest } from "../numeric/statistics.js";
import type { TensorProblem, Statistic } from "./reducer.js";
import { Thread } from "../threads/index.js";
import type * as ReducingThreadModule from "./reducing-thread.js";

type ReducingThread = Thread<typeof ReducingThreadModule>;

/**
 * A set of threads that divide the tensors between them: all requests of one tensor go to the same thread.
 */
export class ReducingPool {
  private readonly threads: ReducingThread[];
  private readonly threadOf = new Map<string, ReducingThread>();

  constructor(requests: readonly StatisticRequest[], count: number) {
    const tensors = [...new Set(requests.map((request) => request.tensor))];
    // Neighbours in the graph have similar sizes, so dealing tensors out in turn balances the load.
    const shares = Array.from(
      { length: Math.min(count, tensors.length) },
      (_, k) => new Set(tensors.filter((_tensor, i) => i % count === k)),
    );
    this.threads = shares.map((share) => {
      const thread: ReducingThread = new Thread(new URL("./reducing-thread.js", import.meta.url));
      // Later calls report the failure.
      thread.call("begin", [requests.filter((request) => share.has(request.tensor))]).catch(() => undefined);
      for (const tensor of share) this.threadOf.set(tensor, thread);
      return thread;
    });
  }

  /** Reduces the requested tensors among `values`. The caller loses them, except those to `keep`. */
  async reduce(values: Feed, keep: ReadonlySet<string> = new Set()): Promise<TensorProblem | undefined> {
    const shares = new Map(
      this.threads.map((thread): [ReducingThread, Record<string, TensorValue>] => [thread, {}]),
    );
    for (const [name, value] of Object.entries(values)) {
      const share = shares.get(this.threadOf.get(name)!);
      if (share) share[name] = keep.has(name) ? { ...value, data: value.data.slice() } : value;
    }
    const given = [...shares].filter(([, share]) => Object.keys(share).length > 0);
    const found = await Promise.all(given.map(([thread, share]) => thread.call("reduce", [share])));
    return found.find((problem) => problem !== undefined);
  }

  async takeStatistic(request: ScalarRequest): Promise<Statistic | undefined> {
    return this.threadOf.get(request.tensor)?.call("takeStatistic", [request]);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.stop()));
  }
}
