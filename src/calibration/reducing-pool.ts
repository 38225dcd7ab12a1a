/** Reducing on threads of their own. Tensors are handed over, not copied. */
import { Worker } from "node:worker_threads";
import type { Feed, TensorValue } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import type { Problem, Statistic } from "./reducer.js";
import type { ThreadAnswer, ThreadCall } from "./reducing-thread.js";

/** Smaller arrays are cheaper to copy than to hand over. */
const HAND_OVER_FROM = 16_384;

/** A set of threads that share the tensors among them: all requests of one tensor are with one thread. */
export class ReducingPool {
  private readonly threads: ReducingThread[];
  private readonly threadOf = new Map<string, ReducingThread>();

  constructor(requests: readonly StatisticRequest[], count: number) {
    const tensors = [...new Set(requests.map((request) => request.tensor))];
    // Neighbours in the graph are alike in size, so dealing them out in turn balances the load.
    const shares = Array.from({ length: Math.min(count, tensors.length) }, (_, k) => new Set(tensors.filter((_tensor, i) => i % count === k)));
    this.threads = shares.map((share) => {
      const thread = new ReducingThread(requests.filter((request) => share.has(request.tensor)));
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
    const found = await Promise.all([...shares].map(([thread, share]) => thread.call({ kind: "reduce", values: share }, transferable(share))));
    return found.find((problem) => problem !== undefined) as Problem | undefined;
  }

  async take(request: StatisticRequest): Promise<Statistic | undefined> {
    return (await this.threadOf.get(request.tensor)?.call({ kind: "take", request }, [])) as Statistic | undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.stop()));
  }
}

/** Buffers that hold nothing but one large array. */
function transferable(values: Feed): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(values)) {
    const whole = ArrayBuffer.isView(data) && data.byteLength >= HAND_OVER_FROM && data.byteLength === data.buffer.byteLength;
    if (whole && data.buffer instanceof ArrayBuffer) buffers.add(data.buffer);
  }
  return [...buffers];
}

/** One thread. Answers come in the order of the calls. */
class ReducingThread {
  private readonly worker: Worker;
  private readonly waiting: { resolve(answer: unknown): void; reject(error: Error): void }[] = [];

  constructor(requests: readonly StatisticRequest[]) {
    this.worker = new Worker(new URL("./reducing-thread.js", import.meta.url), { workerData: requests });
    this.worker.on("message", (answer: ThreadAnswer) => {
      const caller = this.waiting.shift();
      if ("failure" in answer) caller?.reject(new Error(answer.failure));
      else caller?.resolve(answer.result);
    });
    this.worker.on("error", (error) => this.fail(error));
    this.worker.on("exit", () => this.fail(new Error("a reducing thread ended early")));
  }

  call(call: ThreadCall, transfer: ArrayBuffer[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.worker.postMessage(call, transfer);
    });
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }

  private fail(error: Error): void {
    for (const caller of this.waiting.splice(0)) caller.reject(error);
  }
}
