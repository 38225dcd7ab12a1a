/**
 * Limits on the processor time and memory that a model may use in onnxruntime: a file of a kilobyte can ask
 * for terabytes. Like the run's signal (abort.ts), the limits are kept in async context.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { EdgecError } from "./errors.js";
import { anyObject, number } from "./option-checks.js";
import { type KeysOf, refuseUnknown } from "./option-keys.js";

/**
 * Seconds of processor time (wall-clock time where the system does not report processor time), and bytes of
 * memory on top of what was in use before.
 */
export interface WorkLimit {
  readonly seconds: number;
  readonly bytes: number;
}

/** The limits that a caller may set. A member that is left out keeps its default. */
export interface LimitOptions {
  /**
   * For folding constants; default 10 s and 256 MB. Both grow with the size of the constants. What exceeds
   * the limit stays in the graph, with a warning.
   */
  readonly foldLimit?: Partial<WorkLimit>;
  /**
   * For loading a model in onnxruntime; default 3 s and 1 GB. Both grow with the model. A model that exceeds
   * them is refused with EdgecError MODEL_REJECTED. The memory limit also holds for runs on random inputs.
   */
  readonly loadLimit?: Partial<WorkLimit>;
}

export const LIMIT_KEYS = { foldLimit: anyObject, loadLimit: anyObject } satisfies KeysOf<LimitOptions>;

const WORK_LIMIT_KEYS = { seconds: number, bytes: number } satisfies KeysOf<WorkLimit>;

export interface RunLimits {
  readonly fold: WorkLimit;
  readonly load: WorkLimit;
  /**
   * Why folding stopped in this run. Other candidates of the same model then skip it: they would hit the same
   * limit.
   */
  foldingStopped?: string;
}

const FOLD: WorkLimit = { seconds: 10, bytes: 256e6 };
const LOAD: WorkLimit = { seconds: 3, bytes: 1e9 };

const limits = new AsyncLocalStorage<RunLimits>();

/** Runs `job` under these limits. Throws EdgecError BAD_OPTION. */
export function withLimits<T>({ foldLimit, loadLimit }: LimitOptions, job: () => Promise<T>): Promise<T> {
  const chosen = {
    fold: completed("foldLimit", FOLD, foldLimit),
    load: completed("loadLimit", LOAD, loadLimit),
  };
  return limits.run(chosen, job);
}

/** The limits of the current run, or the defaults. */
export function runLimits(): RunLimits {
  return limits.getStore() ?? { fold: FOLD, load: LOAD };
}

function completed(name: string, usual: WorkLimit, given: Partial<WorkLimit> = {}): WorkLimit {
  refuseUnknown(name, WORK_LIMIT_KEYS, given);
  for (const value of [given.seconds, given.bytes]) {
    if (value !== undefined && !(value > 0))
      throw new EdgecError("BAD_OPTION", `${name} is ${value}; it must be greater than 0`);
  }
  return { seconds: given.seconds ?? usual.seconds, bytes: given.bytes ?? usual.bytes };
}

/**
 * The limit for a model of `modelBytes`: adds `factor` times its size in memory, and ten seconds per
 * megabyte.
 */
export function inProportion({ seconds, bytes }: WorkLimit, modelBytes: number, factor: number): WorkLimit {
  return { seconds: seconds + modelBytes / 1e5, bytes: bytes + factor * modelBytes };
}

/** The exceeded limit as text: "10 s" or "256 MB of memory". */
export function limitText(limit: WorkLimit, kind: keyof WorkLimit): string {
  const short = (value: number): string => String(Number(value.toPrecision(3)));
  return kind === "seconds" ? `${short(limit.seconds)} s` : `${short(limit.bytes / 1e6)} MB of memory`;
}

/** A model, or a part of it, exceeded a limit. */
export class LimitExceeded extends EdgecError {
  /** @param what the limit, from `limitText` */
  constructor(
    readonly what: string,
    message: string,
  ) {
    super("MODEL_REJECTED", message);
  }
}
