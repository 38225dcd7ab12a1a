/**
 * Jobs to run when the process exits. All share one listener, because Node warns of a leak from the eleventh
 * listener on.
 */
const jobs = new Set<() => void>();

/** Runs `job` when the process exits. Returns a function that cancels it. */
export function atExit(job: () => void): () => void {
  if (jobs.size === 0) process.on("exit", doAll);
  const own = (): void => job();
  jobs.add(own);
  return () => {
    if (jobs.delete(own) && jobs.size === 0) process.off("exit", doAll);
  };
}

/** Runs every job even if one fails, then throws the first failure. */
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
