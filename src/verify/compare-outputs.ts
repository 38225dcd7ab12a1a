/** Running both models on the same samples: fidelity on all of them, accuracy where they have labels. */
import type { Dataset, Label } from "../data/index.js";
import { SILENT, type Logger } from "../diagnostics.js";
import { BadDataError } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { fileLabel } from "../onnx/index.js";
import type { RemoteRuntime, Session, SessionOptions } from "../runtime/index.js";
import type { Accuracy, Metric } from "./accuracy.js";
import { FidelityMeter, type OutputFidelity } from "./fidelity.js";

export interface Fidelity {
  readonly samples: number;
  /** Where the samples came from: "data/eval.npz", "random feeds (seed 0)". */
  readonly source: string;
  readonly outputs: Readonly<Record<string, OutputFidelity>>;
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
}

export interface ComparedOutputs {
  readonly fidelity: Fidelity;
  /** null unless there are labels and a metric. */
  readonly accuracy: Accuracy | null;
}

/** Both models stay open side by side; a dataset that serves fidelity and accuracy is run once. */
export async function compareOutputs(comparison: OutputComparison): Promise<ComparedOutputs> {
  const { runtime, session } = comparison;
  const original = await runtime.open(comparison.original, session);
  try {
    const compressed = await runtime.open(comparison.standIn ?? comparison.compressed, session);
    try {
      return await compareSessions(comparison, original, compressed);
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

async function compareSessions(comparison: OutputComparison, original: Session, compressed: Session): Promise<ComparedOutputs> {
  const { fidelityData, evalData, metric, logger = SILENT } = comparison;
  const meter = new FidelityMeter(comparison.isOpen);
  const score = metric && evalData ? new Score(metric) : undefined;
  const run = async (data: Dataset, observe: (before: Feed, after: Feed, label: Label | undefined, where: string) => void): Promise<void> => {
    let index = 0;
    for await (const { feed, label } of data.samples()) {
      const [before, after] = await Promise.all([original.run(feed), compressed.run(feed)]);
      observe(before, after, label, `sample ${index++} of ${data.name}`);
      logger.progress?.({ step: "compare", done: index, ...(data.size === undefined ? {} : { total: data.size }) });
    }
  };
  await run(fidelityData, (before, after, label, where) => {
    meter.observe(before, after, `${fileLabel(comparison.compressed)}: ${where}`);
    if (fidelityData === evalData) score?.observe(before, after, label, where);
  });
  if (score && evalData && evalData !== fidelityData) await run(evalData, (before, after, label, where) => score.observe(before, after, label, where));
  return {
    fidelity: { samples: meter.samples, source: fidelityData.name, outputs: meter.result() },
    accuracy: score ? await score.result() : null,
  };
}

/** One metric on both models. */
class Score {
  private readonly original;
  private readonly compressed;
  private samples = 0;

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
    const [original, compressed] = [await this.original.result(), await this.compressed.result()];
    const { name, higherIsBetter } = this.metric;
    return { metric: name, original, compressed, drop: higherIsBetter ? original - compressed : compressed - original, samples: this.samples };
  }
}
