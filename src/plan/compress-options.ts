/** What `compress` takes. */
import type { Trainer } from "../passes/contract.js";
import type { Limit } from "../limits.js";
import type { Dataset } from "../data/dataset.js";
import type { Logger } from "../diagnostics.js";
import {
  anyFunction,
  anyObject,
  boolean,
  byName,
  check,
  data,
  either,
  logger,
  number,
  numberOrText,
  seconds,
  signal,
  text,
  textList,
  wholeNumber,
} from "../option-checks.js";
import type { KeysOf } from "../option-keys.js";
import { LIMIT_KEYS, type LimitOptions } from "../run-limits.js";
import type { PassList } from "./pass-list.js";
import type { TargetProfile } from "../targets/index.js";

export interface CompressOptions extends LimitOptions {
  /** Share of weights to remove, from 0 to below 1, or a pattern such as "2:4". */
  readonly prune?: number | string;
  /** 8-bit integers: static with calibration data, dynamic without. */
  readonly int8?: boolean;
  /** Number of different values that a tensor keeps. */
  readonly cluster?: number | string;
  /**
   * How constants are stored: "auto" takes the smallest form, "plain" is dense, "int8" keeps float weights
   * as int8.
   */
  readonly storage?: "auto" | "plain" | "int8";
  /** How int8 ranges are chosen. */
  readonly calibrator?: "minmax" | "percentile" | "entropy" | "mse";
  /**
   * How much time to spend on the accuracy of int8: "fast" quantizes alone, "balanced" (the default)
   * corrects the biases as well, "best" tries every step that may help. A held-out quarter of the
   * calibration data decides which steps help.
   */
  readonly effort?: "fast" | "balanced" | "best";
  /** False gives each int8 weight one scale instead of one for each output channel. Default true. */
  readonly perChannel?: boolean;
  /**
   * True keeps int8 arithmetic where it is slower than float on this machine or predicted to be on the
   * target, in single nodes and in all; for a device where it pays. Budgets on accuracy still leave nodes
   * in float. Default false.
   */
  readonly keepInt8?: boolean;
  /**
   * False leaves all layers in int8 however much that loses. By default, where fewer than 98 % of the answers stay the
   * same, or values of an output come below 20 dB on held-out samples, the layers that cost most go back to float until
   * this floor holds. A limit on accuracy replaces it. Default true; effort "fast" has no floor.
   */
  readonly floor?: boolean;
  /**
   * Seconds at most that the search for nodes to leave in float may take; default 90. It returns the best
   * found by then.
   */
  readonly timeBudget?: number;
  /**
   * The JSON report of an earlier run, whose decisions are repeated without measuring anew what led to
   * them.
   */
  readonly replay?: string;
  /**
   * Bits of int8's weights, 2 to 8; below 8 they are rounded so that errors cancel, and packed in the file.
   * Default 8.
   */
  readonly weightBits?: number;
  /** Nodes and constants to leave as they are: names, operator types, #index, patterns with * and ?. */
  readonly exclude?: readonly string[];
  /**
   * The passes in the order in which they run, instead of the recipe: names separated by commas, or a list
   * of names and of passes of your own. With "recipe" in the list, yours run before it, after it, or beside
   * a pass of it: `["recipe", { after: "prune-magnitude", pass: mine }]`.
   */
  readonly passes?: string | PassList;
  /** Flags of passes that have no property above, as text, by name in camelCase. */
  readonly flags?: Readonly<Record<string, string>>;

  /** Calibration data without labels: a path or a dataset. */
  readonly calib?: string | Dataset;
  /** Data to compare both models on. */
  readonly eval?: string | Dataset;
  /** A file with one label for each sample of `eval`. */
  readonly labels?: string;
  /** An ES module with the accuracy metric. */
  readonly metric?: string;
  /**
   * Gate: how much accuracy may drop, as a share of 1 (0.01 is one percentage point); in a metric module's
   * own unit.
   */
  readonly maxDrop?: number;
  /** Gate: the lowest signal-to-noise ratio of an output, in dB. */
  readonly minSqnr?: number;
  /** Gate: the lowest share of equal answers, from 0 to 1: the same top class, or equal integers. */
  readonly minAgreement?: number;
  /**
   * Gate: how much slower the model may be than the original, as a share of its time: 0.05 is 5 %, 0 is not
   * slower at all. Medians repeat within 3 %, so it fails from 3 % beyond that on.
   */
  readonly maxSlowdown?: number;
  /**
   * Gate: the longest median latency in milliseconds. This limit and the following are figures, or shares of
   * the original's: {share: 0.5}.
   */
  readonly maxLatency?: Limit;
  /** Gate: the largest size in bytes, external data included. */
  readonly maxSize?: Limit;
  /** Gate: the most multiply-accumulates of one sample. */
  readonly maxMacs?: Limit;
  /** Gate: the most memory in bytes that loading takes, beyond the runtime itself. */
  readonly maxLoadMemory?: Limit;
  /** Gate: the longest load, in milliseconds of processor time. */
  readonly maxLoadTime?: Limit;

  /**
   * The device: the name of a profile ("edgec targets" lists them), "native" for this machine, the path of
   * a JSON file, or a profile. Decides the range of int8 weights and the forms of int8 and storage, and
   * gives defaults for `minOrt` and `threads`. Bound passes keep their own options. Default "generic", which
   * works everywhere.
   */
  readonly target?: string | TargetProfile;
  /**
   * The oldest onnxruntime that must run the result, such as "1.16". Default: the target's, else 1.17 for
   * what edgec adds.
   */
  readonly minOrt?: string;

  /** Where to write; without it the result holds the bytes and nothing is written. */
  readonly output?: string;
  /**
   * Allows `output` to replace the input, or a file that edgec did not write. No other file that is read is
   * replaced.
   */
  readonly force?: boolean;
  /**
   * True writes weights of 1 KiB and more to `<output>.data` beside the model; false writes all of them into
   * the model. Default: into the model, unless the input has external weights of 256 MB or more, or the
   * weights take more than 1.9 GB, because a protobuf file ends at 2 GiB.
   */
  readonly externalData?: boolean;
  /** Threads of the runtime while measuring; default: the target's, else 1. */
  readonly threads?: number;
  /**
   * Seconds that the original may take on random inputs before the models are not compared on them;
   * default 3, and 10 for each megabyte of the model. A loop may not end on them. Your own data has no limit.
   */
  readonly trialSeconds?: number;
  /** Default 0. */
  readonly seed?: number;
  /**
   * True also measures the sizes after gzip and brotli, which takes about a tenth of a second for each
   * megabyte, and what pruning did to the size, which takes a second run without it. Default false.
   */
  readonly packedSizes?: boolean;
  /** False skips loading, running and comparing: the output is then unproven. Default true. */
  readonly verify?: boolean;
  /**
   * True (the default) leaves out a pass that breaks the model, and warns; false fails with EdgecError
   * PASS_FAILED that names it.
   */
  readonly safe?: boolean;
  /** Validates the model after every pass. */
  readonly debug?: boolean;
  /** Adds to the report the fusions that nearly matched, and why each did not apply. */
  readonly explain?: boolean;
  readonly logger?: Logger;
  /**
   * Ends the run early: it rejects with the signal's reason within about a second, and leaves no process,
   * thread or file behind. The output is as it was, or the best model that a search had found.
   */
  readonly signal?: AbortSignal;
  /**
   * The time, in milliseconds as `Date.now()` gives it, from which on passes that improve weights step by step
   * take what they have. The run still checks and writes its result.
   */
  readonly deadline?: number;
  /** For passes of your own that train: handed to every pass as `context.trainer`. */
  readonly trainer?: Trainer;
}

const limit = either(
  number,
  check("a share of the original's such as {share: 0.5}", (value) => anyObject.accepts(value)),
);
const passList = either(
  { ...text, expected: "names separated by commas" },
  check("a list of names and passes", Array.isArray),
);
const trainer = check(
  "an object with a function train",
  (value) => anyObject.accepts(value) && anyFunction.accepts((value as { train?: unknown }).train),
);

export const COMPRESS_KEYS = {
  ...LIMIT_KEYS,
  prune: numberOrText,
  int8: boolean,
  cluster: numberOrText,
  storage: text,
  calibrator: text,
  effort: text,
  perChannel: boolean,
  keepInt8: boolean,
  floor: boolean,
  timeBudget: number,
  replay: text,
  weightBits: number,
  exclude: textList,
  passes: passList,
  flags: byName("texts", text),
  calib: data,
  eval: data,
  labels: text,
  metric: text,
  maxDrop: number,
  minSqnr: number,
  minAgreement: number,
  maxSlowdown: number,
  maxLatency: limit,
  maxSize: limit,
  maxMacs: limit,
  maxLoadMemory: limit,
  maxLoadTime: limit,
  target: either(text, anyObject),
  minOrt: text,
  output: text,
  force: boolean,
  externalData: boolean,
  threads: number,
  trialSeconds: seconds,
  seed: wholeNumber(0),
  packedSizes: boolean,
  verify: boolean,
  safe: boolean,
  debug: boolean,
  explain: boolean,
  logger: logger,
  signal: signal,
  deadline: number,
  trainer: trainer,
} satisfies KeysOf<CompressOptions>;
