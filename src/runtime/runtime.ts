/** The contract of the in-process runtime layer. Only this room imports onnxruntime. */
import type { Feed } from "../ir/index.js";

export type OptimizationLevel = "disabled" | "basic" | "extended" | "all";

/** The most optimized first, which is what onnxruntime does when it is not told otherwise. */
export const LEVELS: readonly OptimizationLevel[] = ["all", "extended", "basic", "disabled"];

export interface SessionOptions {
  /** Threads within an operator; default 1. */
  readonly threads?: number;
  /**
   * This level and no other. Without it the highest at which the runtime loads the model and computes its first run:
   * its own optimizations break some models that run without them.
   */
  readonly optimization?: OptimizationLevel;
  /** Where to write the graph that the runtime executes after its optimizations (onnxruntime-node only). */
  readonly optimizedModelPath?: string;
  /** Session config entries such as {"session.x64quantprecision": "1"}. */
  readonly config?: Readonly<Record<string, string>>;
  /** What messages call the model; default its path. To be given for a copy whose name the user does not know. */
  readonly label?: string;
}

/** Where a session has ended up. */
export interface UsedLevel {
  readonly level: OptimizationLevel;
  /** What the runtime said at the level above; undefined where the highest works. */
  readonly refusal?: string;
}

export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the model; `outputs` limits what is computed and returned. Default: all outputs that can be returned, which
   * leaves out sequences, maps and optional values.
   */
  run(feed: Feed, outputs?: readonly string[]): Promise<Feed>;
  /** Final once the model has run. */
  usedLevel(): Promise<UsedLevel>;
  release(): Promise<void>;
}

/** A session in this process. */
export interface LocalSession extends Session {
  /** The call alone, with inputs converted and outputs left as onnxruntime gives them. The model may run before. */
  bind(feed: Feed): Promise<() => Promise<unknown>>;
}

export interface OnnxRuntime {
  readonly name: "onnxruntime-node" | "onnxruntime-web";
  readonly version: string;
  /** Why this is not the native runtime. Absent where it is. */
  readonly nativeMissing?: string;
  /** Opens a model from a path (preferred: external data is found beside it) or from bytes. */
  open(model: string | Uint8Array, options?: SessionOptions): Promise<LocalSession>;
}

/**
 * For sessions that are not timed: threads that wait for work give the processor back, to what reads the data and reduces
 * the results. On two busy processors that took a quarter off the processor time of a search.
 */
export const YIELDING: Readonly<Record<string, string>> = { "session.intra_op.allow_spinning": "0" };
