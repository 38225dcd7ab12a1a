/**
 * The contract of a pass: a typed factory in a file of its own that first declares what must be measured
 * (`statistics`) and then changes the model in place (`run`). Passes never start onnxruntime.
 */
import type { Diagnostic } from "../diagnostics.js";
import type { Model, Tensor } from "../ir/index.js";
import type { StatisticRequest, Statistics } from "../numeric/statistics.js";
import type { LinearAlgebra } from "../solver/index.js";

/** What became of one node that a lossy pass looked at. */
export interface NodeStatus {
  readonly name: string;
  readonly opType: string;
  readonly status: "changed" | "kept";
  /** The reason, for a person: "global magnitude threshold", "depthwise convolution is protected". */
  readonly reason: string;
}

/** A node at which a pass found part of a pattern, but not all of it. */
export interface NearMiss {
  readonly node: string;
  readonly opType: string;
  /** What stopped it: 'the constant "c" is 0.45 where 0.5 is expected'. */
  readonly reason: string;
}

export interface PassResult {
  /** True if and only if the model changed. */
  readonly modified: boolean;
  /** Figures for the report, with names in camelCase. */
  readonly stats: Readonly<Record<string, number>>;
  readonly nodes: readonly NodeStatus[];
  readonly diagnostics: readonly Diagnostic[];
  /** Explains why something was not fused. In the report only on request. */
  readonly nearMisses?: readonly NearMiss[];
}

/** The evaluator for constant folding. It is injected, so that passes do not depend on the runtime. */
export interface ConstantEvaluator {
  /**
   * Runs a model with no inputs and returns its outputs by name; a name that could not be computed is
   * absent.
   */
  evaluate(model: Model): Promise<ReadonlyMap<string, Tensor>>;
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
  train(request: TrainingRequest): Promise<ReadonlyMap<string, Tensor>>;
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

/** Values of another model on the same samples, fed to the measured model as an input. */
export interface GivenInput {
  /** The input of the measured model that takes them. */
  readonly input: string;
  readonly model: Model;
  /** A tensor that its main graph computes. */
  readonly tensor: string;
}

export interface MeasureLimits {
  /** The first samples of the calibration data, at most so many. */
  readonly samples: number;
  /**
   * Joins them along axis 0 into one sample, as far as they fit in memory, and measures all in one run. The
   * model must accept such a batch, and the requested tensors must be small.
   */
  readonly asBatch?: boolean;
  /** Computed once, however many models are measured against them. */
  readonly given?: GivenInput;
  /**
   * What later calls with the same limits will request, when the pass has changed what makes the tensors requested
   * now and nothing before it. They then start behind the part of the model that stays.
   */
  readonly later?: readonly StatisticRequest[];
}

export type Tasks = typeof import("./tasks.js");
export type TaskName = keyof Tasks;
export type TaskArguments<K extends TaskName> = Parameters<Tasks[K]>;
export type TaskResult<K extends TaskName> = Awaited<ReturnType<Tasks[K]>>;

/** Does heavy work off the main thread, which must stay free for timers, signals and progress. */
export interface Compute {
  /** How many tasks run in parallel. */
  readonly width: number;
  /**
   * The result is the same to the bit wherever a task runs. Typed arrays that fill their buffer may be
   * transferred: the caller loses them and must pass a copy of anything it still needs.
   */
  run<K extends TaskName>(task: K, ...args: TaskArguments<K>): Promise<TaskResult<K>>;
}

/** Measures tensors of any model over the calibration data, for passes that recover accuracy step by step. */
export type Measure = (
  model: Model,
  requests: readonly StatisticRequest[],
  limits: MeasureLimits,
) => Promise<Statistics>;

export interface PassContext {
  /** Present if calibration data was given; empty if the pass requested nothing. */
  readonly statistics: Statistics | undefined;
  readonly evaluator: ConstantEvaluator | undefined;
  readonly seed: number;
  /**
   * The model before the first lossy pass: the target of passes that recover accuracy. Must not be changed.
   * Absent until a lossy pass has run.
   */
  readonly reference?: Model;
  /**
   * Absent without data. Prefer `statistics`, which is measured before `run`; use this for requests that depend
   * on the work of `run`.
   */
  readonly measure?: Measure;
  /** Absent in tests, which do all work in place; see `withCompute`. */
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
   * Ends the run early. Promises of `compute`, `measure` and `advance` reject with its reason, so a pass that
   * uses them need not check it.
   */
  readonly signal?: AbortSignal;
  /**
   * Await this between units of work, such as layers: it reports progress, yields to the event loop, and throws
   * once the run is aborted.
   * @param part what is counted, if a pass counts more than once: "fit"
   */
  readonly advance?: (done: number, total: number, part?: string) => Promise<void>;
}

/** The command-line form of a pass, from which flags, help and docs derive. */
export interface PassFlag {
  /** In commander's syntax: "--prune <ratio>". */
  readonly syntax: string;
  readonly help: string;
  /** Parses the flag's text into options. Throws EdgecError BAD_OPTION that says what is accepted. */
  parse(value: string): Record<string, unknown>;
}

/** How strongly a pass works, as one option that a search may vary. */
export interface Strength {
  readonly option: string;
  /** From weak to strong: a stronger value gains more and costs more accuracy. */
  readonly values: readonly number[];
}

/** The options that take the nodes for which a search chose another form than the pass's own. */
export interface SearchedForms {
  /** Nodes left in float by the search alone, which `exclude` has as well. */
  readonly float?: string;
  /** Layers whose ranges are taken at run time. */
  readonly dynamic?: string;
}

export interface PassDefinition<Options extends object> {
  readonly name: string;
  /** One line for `edgec passes`. */
  readonly description: string;
  readonly flag?: PassFlag;
  /** Whether results may change beyond rounding. */
  readonly lossy: boolean;
  readonly defaults: Readonly<Options>;
  /** The option to vary if the pass is to work as strongly as the accuracy gates allow. */
  readonly strength?: Strength;
  /** A search may choose nodes that the pass leaves in float; it must take `exclude`. */
  readonly isSearched?: true;
  /** Which of its options a search sets besides `exclude`. */
  readonly forms?: SearchedForms;
  /** Makes the file larger on purpose, for the benefit of later passes. */
  readonly growsFile?: true;
  /**
   * If present, the report shows the effect of this pass alone on the file size, measured by a run without it.
   * This sentence introduces the figure.
   */
  readonly sizeEffect?: string;
  /** Throws EdgecError BAD_OPTION if a value is out of range. */
  validate?(options: Options): void;
  statistics?(model: Model, options: Options): readonly StatisticRequest[];
  run(model: Model, options: Options, context: PassContext): PassResult | Promise<PassResult>;
}

/** A pass bound to its options. */
export interface Pass {
  readonly name: string;
  /** What the pass was made of; absent for one that was made without `definePass`. */
  readonly definition?: object;
  readonly lossy: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly isSearched?: true;
  readonly sizeEffect?: string;
  readonly strength?: Strength;
  /** The same pass at another strength; present with `strength`. */
  withStrength?(value: number): Pass;
  statistics(model: Model): readonly StatisticRequest[];
  run(model: Model, context: PassContext): Promise<PassResult>;
  /** The same pass, with these nodes excluded as well; absent if the pass has no exclusions. */
  excluding?(nodes: readonly string[]): Pass;
  /** The same pass, with these layers quantized dynamically; absent if the pass has no such form. */
  atRunTime?(nodes: readonly string[]): Pass;
}

/** The factory that `definePass` returns. Call it with options, or read the definition from it. */
export interface PassFactory<Options extends object> {
  (options?: Partial<Options>): Pass;
  readonly definition: PassDefinition<Options>;
}
