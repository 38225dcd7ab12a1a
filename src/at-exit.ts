/**
 * What is done as this process exits, however many want something done: one listener for all of them, as Node warns of
 * a leak from the eleventh on.
 */
const jobs = new Set<() => void>();

/** Calls `job` as the process exits. Returns what takes it back. */
export function atExit(job: () => void): () => void {
  if (jobs.size === 0) process.on("exit", doAll);
  const own = (): void => job();
  jobs.add(own);
  return () => {
    if (jobs.delete(own) && jobs.size === 0) process.off("exit", doAll);
  };
}

/** One that fails keeps none of the others from being done. */
function doAll(): void {
  const failures: unknown[] = [];
  for (const job of jobs) {
    try {
      job();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
