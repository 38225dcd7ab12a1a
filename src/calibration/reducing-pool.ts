/** Reducing on threads of their own. Tensors are handed over, not copied. */
import type { Feed, TensorValue } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import type { Problem, Statistic } from "./reducer.js";
import { Thread } from "../threads/index.js";
import type * as ReducingThreadModule from "./reducing-thread.js";

type ReducingThread = Thread<typeof ReducingThreadModule>;

/** A set of threads that share the tensors among them: all requests of one tensor are with one thread. */
export class ReducingPool {
  private readonly threads: ReducingThread[];
  private readonly threadOf = new Map<string, ReducingThread>();

  constructor(requests: readonly StatisticRequest[], count: number) {
    const tensors = [...new Set(requests.map((request) => request.tensor))];
    // Neighbours in the graph are alike in size, so dealing them out in turn balances the load.
    const shares = Array.from({ length: Math.min(count, tensors.length) }, (_, k) => new Set(tensors.filter((_tensor, i) => i % count === k)));
    this.threads = shares.map((share) => {
      const thread: ReducingThread = new Thread(new URL("./reducing-thread.js", import.meta.url));
      // A failure is met by the calls behind it.
      thread.call("begin", [requests.filter((request) => share.has(request.tensor))]).catch(() => undefined);
      for (const tensor of share) this.threadOf.set(tensor, thread);
      return thread;
    });
  }

  /** Reduces the tensors of one sample that were asked for. They are gone for the caller. */
  async reduce(values: Feed): Promise<Problem | undefined> {
    const shares = new Map(this.threads.map((thread): [ReducingThread, Record<string, TensorValue>] => [thread, {}]));
    for (const [name, value] of Object.entries(values)) {
      const share = shares.get(this.threadOf.get(name)!);
      if (share) share[name] = value;
    }
    const found = await Promise.all([...shares].map(([thread, share]) => thread.call("reduce", [share])));
    return found.find((problem) => problem !== undefined);
  }

  async take(request: StatisticRequest): Promise<Statistic | undefined> {
    return this.threadOf.get(request.tensor)?.call("take", [request]);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.stop()));
  }
}
