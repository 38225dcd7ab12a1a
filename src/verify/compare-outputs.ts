/**
 * Runs both models on the same samples and measures fidelity on all of them, and accuracy on those with
 * labels.
 */
import { untilAborted } from "../abort.js";
import type { Dataset, Label } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { BadDataError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import type { RemoteRuntime, RemoteSession, Session, SessionOptions } from "../runtime/index.js";
import type { Accuracy, Metric } from "./accuracy.js";
import { FidelityMeter, type Maker, type OutputFidelity } from "../fidelity/index.js";
import { keptSession, OutputKeeper } from "./kept-outputs.js";
import { comparedLevels, type ComparedLevels } from "./levels.js";
import { readableFiles, type ReadableFiles } from "./readable-files.js";
import type { IndirectOutput } from "./readable-outputs.js";

export interface Fidelity {
  readonly samples: number;
  /** Source of the samples, such as "data/eval.npz" or "random inputs (seed 0)". */
  readonly source: string;
  readonly outputs: Readonly<Record<string, OutputFidelity>>;
  /** Outputs that the runtime cannot return, and what was compared instead; absent if there are none. */
  readonly indirect?: readonly IndirectOutput[];
  /** Optimization levels that the models ran at; absent if both ran at the highest. */
  readonly levels?: ComparedLevels;
}

export interface OutputComparison {
  readonly original: string;
  readonly compressed: string;
  /** A model to run in place of the compressed one. */
  readonly standIn?: string;
  /** Whether the size of an output along an axis depends on the data. */
  readonly isOpen?: (output: string, axis: number) => boolean;
  /** What made each output of the original. */
  readonly makers?: ReadonlyMap<string, Maker>;
  readonly fidelityData: Dataset;
  readonly evalData?: Dataset;
  /** Present if accuracy is to be measured. */
  readonly metric?: Metric;
  readonly runtime: RemoteRuntime;
  readonly session?: SessionOptions;
  /** The original, if it is open already with these options; it is released with the other. */
  readonly opened?: RemoteSession;
  /** Of the original with its data files. */
  readonly originalBytes: number;
  /**
   * The data of an earlier comparison with the same original, of which `fidelityData` are the first samples, the same
   * each time. The original is not loaded again if its outputs were kept.
   */
  readonly comparedBefore?: Dataset;
  readonly logger?: Logger;
  /** Accepts a compressed model that runs only at a lower optimization level than the original. */
  readonly lowerLevelIsFine?: boolean;
  /** Names of the two models in messages; default: their paths. */
  readonly names?: readonly [original: string, compressed: string];
}

export interface ComparedOutputs {
  readonly fidelity: Fidelity;
  /** null unless there are labels and a metric. */
  readonly accuracy: Accuracy | null;
}

/** What else is done while both models are open; `sessions` are undefined where copies of them ran. */
export type WhileOpen = (
  compared: ComparedOutputs,
  sessions: readonly RemoteSession[] | undefined,
) => Promise<void>;

/**
 * Keeps both models open side by side. A dataset that serves fidelity and accuracy is run once. Throws
 * EdgecError MODEL_REJECTED for a compressed model that runs only at a lower optimization level than the
 * original.
 */
export async function compareOutputs(
  comparison: OutputComparison,
  whileOpen: WhileOpen = () => Promise.resolve(),
): Promise<ComparedOutputs> {
  const { original, opened } = comparison;
  const other = comparison.standIn ?? comparison.compressed;
  const readable = await readableFiles([original, other]);
  try {
    const isOpenFile = readable.files[0]?.path === original;
    if (!isOpenFile && opened) await releaseQuietly(opened);
    return await compareFiles(comparison, readable, isOpenFile ? opened : undefined, whileOpen);
  } finally {
    await readable.remove();
  }
}

async function compareFiles(
  comparison: OutputComparison,
  readable: ReadableFiles,
  opened: RemoteSession | undefined,
  whileOpen: WhileOpen,
): Promise<ComparedOutputs> {
  const { runtime, session, names } = comparison;
  const open = (index: 0 | 1): Promise<RemoteSession> => {
    const { path, label } = readable.files[index]!;
    return runtime.open(path, { ...session, label: names?.[index] ?? label });
  };
  // Decoding its weights may take more memory than they do afterwards, which must not come on top of the original.
  const isLarge = comparison.originalBytes >= LARGE_BYTES;
  if (isLarge && opened) await releaseQuietly(opened);
  const before = comparison.comparedBefore;
  const known = before && keptSession(before, comparison.original, readable.outputs);
  if (known) {
    const second = await open(1);
    return compareSessions(comparison, readable, known, second).finally(() => releaseQuietly(second));
  }
  const first = isLarge ? await open(1) : (opened ?? (await open(0)));
  try {
    const second = await open(isLarge ? 0 : 1);
    const [original, compressed] = isLarge ? [second, first] : [first, second];
    try {
      const compared = await compareSessions(comparison, readable, original, compressed);
      const areFiles =
        readable.outputs.length > 0 &&
        readable.files[0]?.path === comparison.original &&
        readable.files[1]?.path === comparison.compressed;
      await whileOpen(compared, areFiles ? [original, compressed] : undefined);
      return compared;
    } finally {
      await releaseQuietly(second);
    }
  } finally {
    await releaseQuietly(first);
  }
}

/** From this many bytes of an original on, memory decides which model is loaded first. */
const LARGE_BYTES = 1e9;

/** Ignores errors: after a crash there is nothing to release, and the crash itself must be reported. */
function releaseQuietly(session: Session): Promise<void> {
  return session.release().catch(() => undefined);
}

async function compareSessions(
  comparison: OutputComparison,
  { outputs, indirect }: ReadableFiles,
  original: Session,
  compressed: Session,
): Promise<ComparedOutputs> {
  const { fidelityData, evalData, metric, logger = SILENT } = comparison;
  const meter = new FidelityMeter(comparison.isOpen, comparison.makers);
  const score = metric && evalData ? new Score(metric) : undefined;
  const name = comparison.names?.[1] ?? comparison.compressed;
  const run = async (
    data: Dataset,
    observe: (before: Feed, after: Feed, label: Label | undefined, where: string) => void,
  ): Promise<void> => {
    let index = 0;
    const report = (): void =>
      logger.progress?.({
        step: "compare outputs",
        done: index,
        ...(data.size === undefined ? {} : { total: data.size }),
      });
    report();
    // Without readable outputs there is nothing to run; both models are known to load by now. The last sample
    // is reported after the loop: part of a dataset must read ahead to find its end.
    if (outputs.length > 0)
      for await (const { feed, label } of data.samples()) {
        const [before, after] = await Promise.all([
          original.run(feed, outputs),
          compressed.run(feed, outputs),
        ]);
        observe(before, after, label, `sample ${index++} of ${data.name}`);
        if (index !== data.size) report();
      }
    report();
  };
  const keeper = new OutputKeeper();
  await run(fidelityData, (before, after, label, where) => {
    keeper.add(before);
    meter.observe(before, after, `${name}: ${where}`);
    if (fidelityData === evalData) score?.observe(before, after, label, where);
  });
  if (score && evalData && evalData !== fidelityData)
    await run(evalData, (before, after, label, where) => score.observe(before, after, label, where));
  const level = await original.usedLevel();
  keeper.keep(fidelityData, { original: comparison.original, names: outputs, level });
  const levels = await comparedLevels(original, compressed, { ...comparison, compressed: name });
  if (score) logger.progress?.({ step: `compute ${score.name}`, done: 0 });
  return {
    fidelity: {
      samples: meter.samples,
      source: fidelityData.name,
      outputs: meter.result(),
      ...(indirect.length > 0 ? { indirect } : {}),
      ...(levels ? { levels } : {}),
    },
    accuracy: score ? await score.result() : null,
  };
}

/** One metric, computed for both models. */
class Score {
  private readonly original;
  private readonly compressed;
  private samples = 0;

  get name(): string {
    return this.metric.name;
  }

  constructor(private readonly metric: Metric) {
    this.original = metric.create();
    this.compressed = metric.create();
  }

  observe(before: Feed, after: Feed, label: Label | undefined, where: string): void {
    if (label === undefined) throw new BadDataError(`${where} has no label`);
    this.original.observe(before, label, where);
    this.compressed.observe(after, label, where);
    this.samples++;
  }

  async result(): Promise<Accuracy> {
    const [original, compressed] = [
      await untilAborted(this.original.result()),
      await untilAborted(this.compressed.result()),
    ];
    const { name, higherIsBetter } = this.metric;
    return {
      metric: name,
      original,
      compressed,
      drop: higherIsBetter ? original - compressed : compressed - original,
      samples: this.samples,
    };
  }
}
