/**
 * How much processor time and memory a model may take in onnxruntime before it is given up: a file of a kilobyte can ask
 * for terabytes. The limits of a run hold for all that happens in it, however deep, as its signal does (abort.ts).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { EdgecError } from "./errors.js";

/** Seconds of processor time (of time, where the system does not tell), and bytes of memory beyond those held before. */
export interface WorkLimit {
  readonly seconds: number;
  readonly bytes: number;
}

/** What a caller may set; the other half keeps its default. */
export interface LimitOptions {
  /**
   * For computing what depends on constants alone; default 10 s and 256 MB. Both grow with the constants that are
   * computed with. What takes more stays as nodes, and a warning says so.
   */
  readonly foldLimit?: Partial<WorkLimit>;
  /**
   * For loading a model in onnxruntime; default 3 s and 1 GB. Both grow with the model. One that takes more is refused
   * with EdgecError MODEL_REJECTED. The memory is also the limit of a run on made-up inputs.
   */
  readonly loadLimit?: Partial<WorkLimit>;
}

export interface RunLimits {
  readonly fold: WorkLimit;
  readonly load: WorkLimit;
  /** Why folding was given up in this run: other candidates of the same model would fare no better. */
  foldingStopped?: string;
}

const FOLD: WorkLimit = { seconds: 10, bytes: 256e6 };
const LOAD: WorkLimit = { seconds: 3, bytes: 1e9 };

const limits = new AsyncLocalStorage<RunLimits>();

/** Carries out `job` under limits of its own. Throws EdgecError BAD_OPTION. */
export function withLimits<T>({ foldLimit, loadLimit }: LimitOptions, job: () => Promise<T>): Promise<T> {
  const chosen = { fold: completed("foldLimit", FOLD, foldLimit), load: completed("loadLimit", LOAD, loadLimit) };
  return limits.run(chosen, job);
}

/** Those of the run that this is part of, else the defaults. */
export function runLimits(): RunLimits {
  return limits.getStore() ?? { fold: FOLD, load: LOAD };
}

function completed(name: string, usual: WorkLimit, given: Partial<WorkLimit> = {}): WorkLimit {
  for (const value of [given.seconds, given.bytes]) {
    if (value !== undefined && !(value > 0)) throw new EdgecError("BAD_OPTION", `${name} is ${value}; it must be above 0`);
  }
  return { seconds: given.seconds ?? usual.seconds, bytes: given.bytes ?? usual.bytes };
}

/** The limit for a model of so many bytes: `factor` bytes of memory and ten seconds per megabyte come on top. */
export function inProportion({ seconds, bytes }: WorkLimit, modelBytes: number, factor: number): WorkLimit {
  return { seconds: seconds + modelBytes / 1e5, bytes: bytes + factor * modelBytes };
}

/** What is exceeded, for messages: "10 s" or "256 MB of memory". */
export function limitText(limit: WorkLimit, kind: keyof WorkLimit): string {
  const short = (value: number): string => String(Number(value.toPrecision(3)));
  return kind === "seconds" ? `${short(limit.seconds)} s` : `${short(limit.bytes / 1e6)} MB of memory`;
}

/** A model, or a part of it, takes more than it may. */
export class LimitExceeded extends EdgecError {
  /** @param what as `limitText` gives it */
  constructor(readonly what: string, message: string) {
    super("MODEL_REJECTED", message);
  }
}
