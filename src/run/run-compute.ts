/** The threads that do the heavy work of a run's passes. */
import { IN_PLACE } from "../passes/compute.js";
import type { Compute, TaskArguments, TaskName, TaskResult } from "../passes/contract.js";
import type * as Tasks from "../passes/tasks.js";
import { ThreadPool } from "../threads/index.js";

/** Threads start at the first task; close it at the end of the run. */
export class RunCompute implements Compute {
  private readonly pool: ThreadPool<typeof Tasks>;
  /** Whether threads are not available, so that tasks run in place. */
  private isForbidden = false;

  constructor(readonly width: number) {
    this.pool = new ThreadPool(new URL("../passes/tasks.js", import.meta.url), width);
  }

  async run<K extends TaskName>(task: K, ...args: TaskArguments<K>): Promise<TaskResult<K>> {
    if (this.isForbidden) return IN_PLACE.run(task, ...args);
    let running: Promise<unknown>;
    try {
      running = this.pool.call(task, args as never);
    } catch (error) {
      if (!isDenied(error)) throw error;
      this.isForbidden = true;
      return IN_PLACE.run(task, ...args);
    }
    return (await running) as TaskResult<K>;
  }

  close(): Promise<void> {
    return this.pool.close();
  }
}

/** Node's permission model allows no threads. */
function isDenied(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_ACCESS_DENIED";
}
