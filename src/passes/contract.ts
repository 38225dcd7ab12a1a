/**
 * The contract of a pass: a typed factory in a file of its own that first declares what must be measured
 * (`statistics`) and then changes the model in place (`run`). Passes never start onnxruntime.
 */
import type { Diagnostic } from "../diagnostics.js";
import type { Model } from "../ir/index.js";
import type { StatisticRequest, Statistics } from "../numeric/statistics.js";
import type { LinearAlgebra } from "../solver/index.js";

/** What became of one node that a lossy pass looked at. */
export interface NodeStatus {
  readonly name: string;
  readonly opType: string;
  readonly status: "changed" | "kept";
  /** Why, in words for a person: "global magnitude threshold", "depthwise convolution is protected". */
  readonly reason: string;
}

/** A node at which a pass found part of what it looks for, but not all. */
export interface NearMiss {
  readonly node: string;
  readonly opType: string;
  /** What stopped it: 'the constant "c" is 0.45 where 0.5 is expected'. */
  readonly reason: string;
}

export interface PassResult {
  /** Exactly whether the model changed. */
  readonly modified: boolean;
  /** Numbers for the report, named in camelCase. */
  readonly stats: Readonly<Record<string, number>>;
  readonly nodes: readonly NodeStatus[];
  readonly diagnostics: readonly Diagnostic[];
  /** For a person who wonders why nothing was fused; no part of the report unless asked for. */
  readonly nearMisses?: readonly NearMiss[];
}

/** The evaluator for constant folding, injected so that passes stay free of the runtime. */
export interface ConstantEvaluator {
  /**
   * Runs a model with no inputs and returns its outputs by name; a name that could not be computed is
   * absent.
   */
  evaluate(model: Model): Promise<ReadonlyMap<string, import("../ir/index.js").Tensor>>;
}

/**
 * Trains weights with gradients, injected as the evaluator is: edgec itself computes none. A caller of the
 * library gives one that passes can use.
 */
export interface Trainer {
  /**
   * Fits some constants of `model` so that its outputs come nearer to those of `reference` on the calibration
   * data. Neither model is changed. Returns the new values by name, in the types and shapes of the old ones; one
   * that is not to change is absent.
   */
  train(request: TrainingRequest): Promise<ReadonlyMap<string, import("../ir/index.js").Tensor>>;
}

export interface TrainingRequest {
  readonly model: Model;
  readonly reference: Model;
  /** The constants of the main graph that may change. */
  readonly trainable: readonly string[];
  /** For constants that were pruned or coded: those whose zeros have to stay zero. */
  readonly keepZeros?: readonly string[];
  readonly seed: number;
  /** As in `PassContext`. */
  readonly deadline?: number;
  readonly signal?: AbortSignal;
}

/** Values of another model on the same samples, which the measured one takes as an input. */
export interface GivenInput {
  /** The input of the measured model that they are given to. */
  readonly input: string;
  readonly model: Model;
  /** A tensor that its main graph computes. */
  readonly tensor: string;
}

export interface MeasureLimits {
  /** The first samples of the calibration data, at most so many. */
  readonly samples: number;
  /**
   * Takes them as one sample, joined along axis 0, as far as they fit in memory. The model must take such a
   * batch, and make of it what is asked for in a few values: all is measured in one run.
   */
  readonly asBatch?: boolean;
  /** Computed once for as often as models are measured against them. */
  readonly given?: GivenInput;
}

export type Tasks = typeof import("./tasks.js");
export type TaskName = keyof Tasks;
export type TaskArguments<K extends TaskName> = Parameters<Tasks[K]>;
export type TaskResult<K extends TaskName> = Awaited<ReturnType<Tasks[K]>>;

/**
 * Carries out heavy work away from the main thread, which must stay free for timers, signals and progress.
 */
export interface Compute {
  /** How many tasks run side by side. */
  readonly width: number;
  /**
   * The result is the same to the bit wherever a task runs. Typed arrays that fill their buffer may be
   * handed over: they are gone for the caller, who goes on with what comes back, and gives a copy of what
   * is still needed.
   */
  run<K extends TaskName>(task: K, ...args: TaskArguments<K>): Promise<TaskResult<K>>;
}

/** Measures tensors of any model over the calibration data, for passes that recover step by step. */
export type Measure = (
  model: Model,
  requests: readonly StatisticRequest[],
  limits: MeasureLimits,
) => Promise<Statistics>;

export interface PassContext {
  /** Present when calibration data was given; empty when the pass asked for nothing. */
  readonly statistics: Statistics | undefined;
  readonly evaluator: ConstantEvaluator | undefined;
  readonly seed: number;
  /**
   * The model as it was before the first pass that may change results: what passes that recover are to come
   * near. Not to be changed. Absent until then.
   */
  readonly reference?: Model;
  /**
   * Absent without data. What `statistics` can declare is measured before `run`; this is for what depends
   * on `run`.
   */
  readonly measure?: Measure;
  /** Absent in tests, where work is done in place; see `withCompute`. */
  readonly compute?: Compute;
  /**
   * Products of large matrices, factors and solutions: by onnxruntime in its child process. Absent where
   * there is none and in tests; `withCompute` then does the same in plain JavaScript.
   */
  readonly linearAlgebra?: LinearAlgebra;
  /**
   * How many samples `statistics` and `measure` take their values from; absent without data, and where the data
   * does not say how many it has.
   */
  readonly samples?: number;
  /**
   * The time, in milliseconds as `Date.now` gives it, from which on a pass that improves something step by
   * step takes what it has, and says so in a diagnostic. Absent when there is no hurry.
   */
  readonly deadline?: number;
  /** Absent unless the caller of the library gives one. */
  readonly trainer?: Trainer;
  /**
   * Ends the run early. What `compute`, `measure` and `advance` give rejects with its reason; a pass that
   * uses them need not look.
   */
  readonly signal?: AbortSignal;
  /**
   * To be awaited between units of work, such as layers: tells how far the pass is, lets the event loop
   * turn, and throws once the run is aborted.
   * @param part what is counted, where a pass counts more than once: "fit"
   */
  readonly advance?: (done: number, total: number, part?: string) => Promise<void>;
}

/** The command-line form of a pass, from which flags, help and docs derive. */
export interface PassFlag {
  /** As commander takes it: "--prune <ratio>". */
  readonly syntax: string;
  readonly help: string;
  /** Turns the flag's text into options; throws EdgecError BAD_OPTION with what is accepted. */
  parse(value: string): Record<string, unknown>;
}

/** How much a pass does, as one option of it that a search may turn. */
export interface Strength {
  readonly option: string;
  /** From weak to strong: a stronger value costs more accuracy and gains more. */
  readonly values: readonly number[];
}

export interface PassDefinition<Options extends object> {
  readonly name: string;
  /** One line for `edgec passes`. */
  readonly description: string;
  readonly flag?: PassFlag;
  /** Whether results may change beyond rounding. */
  readonly lossy: boolean;
  readonly defaults: Readonly<Options>;
  /** What is turned where the pass is to work as strongly as the gates on accuracy allow. */
  readonly strength?: Strength;
  /** A search may choose nodes that the pass leaves in float; it must take `exclude`. */
  readonly isSearched?: true;
  /** Makes a file larger on purpose, for passes behind it: who names the pass asks for that. */
  readonly writesOut?: true;
  /**
   * Reports show what the pass alone did to the size of the file, which takes another run without it. This
   * sentence stands before the figure: what the pass does not do.
   */
  readonly sizeEffect?: string;
  /** Throws EdgecError BAD_OPTION when a value is out of range. */
  validate?(options: Options): void;
  statistics?(model: Model, options: Options): readonly StatisticRequest[];
  run(model: Model, options: Options, context: PassContext): PassResult | Promise<PassResult>;
}

/** A pass with its options bound. */
export interface Pass {
  readonly name: string;
  readonly lossy: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly isSearched?: true;
  readonly sizeEffect?: string;
  readonly strength?: Strength;
  /** The same pass at another strength; present with `strength`. */
  withStrength?(value: number): Pass;
  statistics(model: Model): readonly StatisticRequest[];
  run(model: Model, context: PassContext): Promise<PassResult>;
  /** The same pass, which leaves these nodes as they are as well; absent where it leaves none out. */
  excluding?(nodes: readonly string[]): Pass;
  /**
   * The same pass, which takes the ranges of these layers at run time; absent where it knows no such form.
   */
  atRunTime?(nodes: readonly string[]): Pass;
}

/** The factory that `definePass` returns: call it with options, or read the definition from it. */
export interface PassFactory<Options extends object> {
  (options?: Partial<Options>): Pass;
  readonly definition: PassDefinition<Options>;
}
