/** What the calibration process is asked to do, and what it answers. */
import type { DataType } from "../ir/index.js";
import type { StatisticRequest } from "../numeric/statistics.js";
import type { BoundaryTarget, StoredBoundary } from "./boundary-file.js";
import type { TensorProblem } from "./reducer.js";

/** One pass over the samples. */
export interface Round {
  /** Name of the model in messages. */
  readonly label: string;
  readonly requests: readonly StatisticRequest[];
  /** The number of samples to come. */
  readonly samples: number;
  /**
   * Approximate number of elements of one sample's requested tensors, to decide whether threads are worth
   * starting.
   */
  readonly elements: number;
  /** Total number of threads; undefined: one per processor. */
  readonly threads: number | undefined;
  /** What the samples start from, instead of their feeds. */
  readonly resume?: StoredBoundary;
  /** What to keep of each sample for the next round. */
  readonly save?: BoundaryTarget;
}

/** A part of the model; see segments.ts. */
export interface SegmentModel {
  readonly modelPath: string;
  /** Its outputs. */
  readonly outputs: readonly string[];
  /** What later segments need, of its outputs and of what it was given. */
  readonly keep: readonly string[];
  /** Whether there are others, so that it may hold no memory between its runs. */
  readonly isPart: boolean;
}

export interface SampleProblem extends TensorProblem {
  /** Index of the sample. */
  readonly sample: number;
}

export interface Advance {
  readonly problem: SampleProblem | undefined;
  /** Of what later segments need. */
  readonly types: ReadonlyMap<string, DataType>;
}
