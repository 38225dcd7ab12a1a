/** Runs the heavy work of passes, and schedules it over many layers. */
import { transferable } from "../numeric/transferable.js";
import { type LinearAlgebra, linearAlgebraOver, type RoutineName, type RunRoutine } from "../solver/index.js";
import type { Compute, PassContext, TaskArguments, TaskName, TaskResult } from "./contract.js";
import * as TASKS from "./tasks.js";

/**
 * Runs work on the calling thread. Arrays that are handed over are lost to the caller, as they are with
 * threads.
 */
export const IN_PLACE: Compute = {
  width: 1,
  run: <K extends TaskName>(task: K, ...args: TaskArguments<K>): Promise<TaskResult<K>> =>
    new Promise((resolve) => {
      const own = structuredClone(args, { transfer: transferable(args) });
      resolve((TASKS[task] as unknown as (...args: TaskArguments<K>) => TaskResult<K>)(...own));
    }),
};

/** Linear algebra in plain JavaScript, on the threads that there are. */
export function plainLinearAlgebra(compute: Compute): LinearAlgebra {
  const run = (routine: RoutineName, ...args: readonly unknown[]): Promise<unknown> =>
    compute.run("runPlainly", routine, args as never);
  return linearAlgebraOver(run as RunRoutine);
}

/** A context that certainly has a `compute` and a `linearAlgebra`. */
export type Working = Pick<PassContext, "advance" | "deadline" | "samples"> & {
  readonly compute: Compute;
  readonly linearAlgebra: LinearAlgebra;
};

/** The context, with work done in place and without onnxruntime if it has no `compute` and `linearAlgebra`. */
export function withCompute(context: PassContext): PassContext & Working {
  const compute = context.compute ?? IN_PLACE;
  return { ...context, compute, linearAlgebra: context.linearAlgebra ?? plainLinearAlgebra(compute) };
}

/**
 * Starts the work of each item, in parallel on as many threads as there are, and finishes the items one by one
 * in their order, so that the result does not depend on the number of threads.
 * @param part names this round in progress messages, for a pass that goes through the items more than once
 */
export async function runInParallel<T, R>(
  { compute, advance }: Pick<Working, "compute" | "advance">,
  items: readonly T[],
  start: (item: T) => Promise<R>,
  finish?: (item: T, result: R) => void,
  part?: string,
): Promise<void> {
  const running: Promise<R>[] = [];
  await advance?.(0, items.length, part);
  for (let next = 0, done = 0; done < items.length;) {
    for (; next < items.length && next - done < compute.width; next++) {
      const work = start(items[next]!);
      // A failure is reported when its turn comes; an earlier item may have failed by then.
      work.catch(() => undefined);
      running.push(work);
    }
    const result = await running.shift()!;
    finish?.(items[done]!, result);
    done++;
    await advance?.(done, items.length, part);
  }
}
