/** Running both models on the same samples: fidelity on all of them, accuracy where they have labels. */
import { untilAborted } from "../abort.js";
import type { Dataset, Label } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { BadDataError } from "../errors.js";
import type { Feed, Model } from "../ir/index.js";
import type { RemoteRuntime, Session, SessionOptions } from "../runtime/index.js";
import type { Accuracy, Metric } from "./accuracy.js";
import { FidelityMeter, type OutputFidelity } from "./fidelity.js";
import { comparedLevels, type ComparedLevels } from "./levels.js";
import { readableFiles, type ReadableFiles } from "./readable-files.js";
import type { IndirectOutput } from "./readable-outputs.js";

export interface Fidelity {
  readonly samples: number;
  /** Where the samples came from: "data/eval.npz", "random feeds (seed 0)". */
  readonly source: string;
  readonly outputs: Readonly<Record<string, OutputFidelity>>;
  /** Outputs that the runtime cannot return, and what was compared in their place; absent where there are none. */
  readonly indirect?: readonly IndirectOutput[];
  /** The optimization levels that the models ran at; absent where both ran at the highest. */
  readonly levels?: ComparedLevels;
}

export interface OutputComparison {
  readonly original: string;
  readonly compressed: string;
  /** A model that is run in the compressed one's place. */
  readonly standIn?: string;
  /** Whether the size of an output along an axis depends on the data. */
  readonly isOpen?: (output: string, axis: number) => boolean;
  readonly fidelityData: Dataset;
  readonly evalData?: Dataset;
  /** Present when accuracy is wanted. */
  readonly metric?: Metric;
  readonly runtime: RemoteRuntime;
  readonly session?: SessionOptions;
  readonly logger?: Logger;
  /** The models of these files, where they were read already. */
  readonly models?: ReadonlyMap<string, Model>;
  /** Takes a compressed model for what it is that runs only at a lower optimization level than the original. */
  readonly lowerLevelIsFine?: boolean;
  /** What messages call the two models; default their paths. */
  readonly names?: readonly [original: string, compressed: string];
}

export interface ComparedOutputs {
  readonly fidelity: Fidelity;
  /** null unless there are labels and a metric. */
  readonly accuracy: Accuracy | null;
}

/**
 * Both models stay open side by side; a dataset that serves fidelity and accuracy is run once. Throws EdgecError
 * MODEL_REJECTED for a compressed model that runs only at a lower optimization level than the original.
 */
export async function compareOutputs(comparison: OutputComparison): Promise<ComparedOutputs> {
  const { models } = comparison;
  const readable = await readableFiles([comparison.original, comparison.standIn ?? comparison.compressed], models);
  try {
    return await compareFiles(comparison, readable);
  } finally {
    await readable.remove();
  }
}

async function compareFiles(comparison: OutputComparison, readable: ReadableFiles): Promise<ComparedOutputs> {
  const { runtime, session, names } = comparison;
  const open = (index: 0 | 1): Promise<Session> => {
    const { path, label } = readable.files[index]!;
    return runtime.open(path, { ...session, label: names?.[index] ?? label });
  };
  const original = await open(0);
  try {
    const compressed = await open(1);
    try {
      return await compareSessions(comparison, readable, original, compressed);
    } finally {
      await releaseQuietly(compressed);
    }
  } finally {
    await releaseQuietly(original);
  }
}

/** After a crash there is nothing to release, and the crash is what must be reported. */
function releaseQuietly(session: Session): Promise<void> {
  return session.release().catch(() => undefined);
}

async function compareSessions(
  comparison: OutputComparison, { outputs, indirect }: ReadableFiles, original: Session, compressed: Session,
): Promise<ComparedOutputs> {
  const { fidelityData, evalData, metric, logger = SILENT } = comparison;
  const meter = new FidelityMeter(comparison.isOpen);
  const score = metric && evalData ? new Score(metric) : undefined;
  const name = comparison.names?.[1] ?? comparison.compressed;
  const run = async (data: Dataset, observe: (before: Feed, after: Feed, label: Label | undefined, where: string) => void): Promise<void> => {
    let index = 0;
    const tell = (): void => logger.progress?.({ step: "compare", done: index, ...(data.size === undefined ? {} : { total: data.size }) });
    tell();
    // Without an output to look at there is nothing to run for; that the models load is known by now. The last sample is
    // told when none follows: a part of a dataset reads on to find out.
    if (outputs.length > 0) for await (const { feed, label } of data.samples()) {
      const [before, after] = await Promise.all([original.run(feed, outputs), compressed.run(feed, outputs)]);
      observe(before, after, label, `sample ${index++} of ${data.name}`);
      if (index !== data.size) tell();
    }
    tell();
  };
  await run(fidelityData, (before, after, label, where) => {
    meter.observe(before, after, `${name}: ${where}`);
    if (fidelityData === evalData) score?.observe(before, after, label, where);
  });
  if (score && evalData && evalData !== fidelityData) await run(evalData, (before, after, label, where) => score.observe(before, after, label, where));
  const levels = await comparedLevels(original, compressed, { ...comparison, compressed: name });
  if (score) logger.progress?.({ step: `compute ${score.name}`, done: 0 });
  return {
    fidelity: {
      samples: meter.samples, source: fidelityData.name, outputs: meter.result(),
      ...(indirect.length > 0 ? { indirect } : {}), ...(levels ? { levels } : {}),
    },
    accuracy: score ? await score.result() : null,
  };
}

/** One metric on both models. */
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
    const [original, compressed] = [await untilAborted(this.original.result()), await untilAborted(this.compressed.result())];
    const { name, higherIsBetter } = this.metric;
    return { metric: name, original, compressed, drop: higherIsBetter ? original - compressed : compressed - original, samples: this.samples };
  }
}
