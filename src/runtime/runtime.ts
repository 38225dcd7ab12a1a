/** The interface of the runtime in this process. Only this room imports onnxruntime. */
import type { Feed } from "../ir/index.js";

export type OptimizationLevel = "disabled" | "basic" | "extended" | "all";

/** Optimization levels, highest first, which is onnxruntime's default. */
export const LEVELS: readonly OptimizationLevel[] = ["all", "extended", "basic", "disabled"];

export interface SessionOptions {
  /** Threads within an operator; default 1. */
  readonly threads?: number;
  /**
   * Use only this level. By default, the highest level at which the runtime loads the model and completes its
   * first run: onnxruntime's own optimizations break some models that run without them.
   */
  readonly optimization?: OptimizationLevel;
  /** Where to write the graph that the runtime executes after optimization (onnxruntime-node only). */
  readonly optimizedModelPath?: string;
  /** Session config entries such as {"session.x64quantprecision": "1"}. */
  readonly config?: Readonly<Record<string, string>>;
  /**
   * Whether memory goes back to the system as soon as a tensor is used up, instead of staying with the session
   * for its next run (onnxruntime-node only). For sessions that take turns; each run takes a little longer.
   */
  readonly returnsMemory?: boolean;
  /**
   * False: memory is not planned as one block from the second run on (onnxruntime-node only). The block comes on
   * top of what the first run took, which stays with the session: a U-Net on 1024 x 1024 takes 1.0 GB without
   * it and 1.8 with it. Runs take as long, but for those of a fraction of a millisecond.
   */
  readonly plansMemory?: boolean;
  /**
   * Name of the model in messages; default: its path. Set it for a copy whose path the user does not know.
   */
  readonly label?: string;
}

/** The optimization level that a session uses. */
export interface UsedLevel {
  readonly level: OptimizationLevel;
  /** The runtime's error at the level above; undefined if the highest level works. */
  readonly refusal?: string;
}

export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the model; `outputs` limits what is computed and returned. Default: all outputs that can be
   * returned, which excludes sequences, maps and optional values.
   */
  run(feed: Feed, outputs?: readonly string[]): Promise<Feed>;
  /** The level in use. Final once the model has run. */
  usedLevel(): Promise<UsedLevel>;
  release(): Promise<void>;
}

/** A session in this process. */
export interface LocalSession extends Session {
  /**
   * Prepares a call for timing: inputs are converted, outputs stay in onnxruntime's form. May run the model
   * once.
   */
  bind(feed: Feed): Promise<() => Promise<unknown>>;
}

export interface OnnxRuntime {
  readonly name: "onnxruntime-node" | "onnxruntime-web";
  readonly version: string;
  /** Why this is not the native runtime. Absent if it is. */
  readonly nativeMissing?: string;
  /** Opens a model from a path (preferred, because external data is found beside it) or from bytes. */
  open(model: string | Uint8Array, options?: SessionOptions): Promise<LocalSession>;
}

/**
 * For sessions that are not timed: waiting threads leave the processor to the code that reads data and
 * reduces results. On two busy processors this saved a quarter of the processor time of a search.
 */
export const YIELDING: Readonly<Record<string, string>> = { "session.intra_op.allow_spinning": "0" };
