/** The contract of the in-process runtime layer. Only this room imports onnxruntime. */
import type { Feed } from "../ir/index.js";

export type OptimizationLevel = "disabled" | "basic" | "extended" | "all";

export interface SessionOptions {
  /** Threads within an operator; default 1. */
  readonly threads?: number;
  /** Default "all". */
  readonly optimization?: OptimizationLevel;
  /** Where to write the graph that the runtime executes after its optimizations (onnxruntime-node only). */
  readonly optimizedModelPath?: string;
  /** What messages call the model, where that is not its path: the process that runs it does not know whose file it is. */
  readonly label?: string;
  /** Session config entries such as {"session.x64quantprecision": "1"}. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Runs the model; `outputs` limits what is computed and returned. */
  run(feed: Feed, outputs?: readonly string[]): Promise<Feed>;
  release(): Promise<void>;
}

export interface OnnxRuntime {
  readonly name: "onnxruntime-node" | "onnxruntime-web";
  readonly version: string;
  /** Why this is not the native runtime. Absent where it is. */
  readonly nativeMissing?: string;
  /** Opens a model from a path (preferred: external data is found beside it) or from bytes. */
  open(model: string | Uint8Array, options?: SessionOptions): Promise<Session>;
}

/**
 * For sessions that are not timed: threads that wait for work give the processor back, to what reads the data and reduces
 * the results. On two busy processors that took a quarter off the processor time of a search.
 */
export const YIELDING: Readonly<Record<string, string>> = { "session.intra_op.allow_spinning": "0" };
