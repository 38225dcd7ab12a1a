/** When the program was started: the first process starts another that does the work. */
import { startedAt } from "../stage-clock.js";

/** The time origin of the first process, milliseconds since 1970, for the process that does the work. */
export const STARTED_VARIABLE = "EDGEC_STARTED";
/** No start takes longer. What is further off comes from somewhere else. */
const LONGEST_START_MS = 60_000;

/** The report of the job counts from the start of the program, not from that of the job. */
export function sinceProgramStart<T>(job: () => Promise<T>): Promise<T> {
  const ahead = performance.timeOrigin - Number(process.env[STARTED_VARIABLE]);
  return startedAt(ahead > 0 && ahead < LONGEST_START_MS ? -ahead : 0, job);
}
