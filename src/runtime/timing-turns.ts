/**
 * Timed sections of one process take turns: two runs that timed their models side by side would each measure
 * the other. A run that waits goes on as soon as the section before it has ended, however that ended.
 */
import { untilAborted } from "../abort.js";

/** Ends when all sections that were asked for so far have ended. */
let last: Promise<void> = Promise.resolve();

/** Carries out `job` when no other timed section is under way. Rejects early once the run is aborted. */
export async function inTurn<T>(job: () => Promise<T>): Promise<T> {
  const before = last;
  let end = (): void => undefined;
  const own = new Promise<void>((resolve) => (end = resolve));
  // Whoever comes next waits for those before this one too, as this one may be aborted while it waits.
  last = before.then(() => own);
  try {
    await untilAborted(before);
    return await job();
  } finally {
    end();
  }
}
