/** Measures accuracy with labels: top-1, top-5, or a user's metric. */
import type { Label } from "../data/dataset.js";
import { BadDataError } from "../errors.js";
import type { Feed, TensorValue } from "../ir/index.js";
import { isFloatValue, numbersOf } from "../fidelity/index.js";
import { option } from "../option-names.js";

/** Collects outputs and labels sample by sample. */
export interface MetricMeter {
  observe(outputs: Feed, label: Label, where: string): void;
  result(): number | Promise<number>;
}

export interface Metric {
  readonly name: string;
  readonly higherIsBetter: boolean;
  create(): MetricMeter;
}

export interface Accuracy {
  readonly metric: string;
  /** In percent for top-1 and top-5; in the metric's own unit for a user module. */
  readonly original: number;
  readonly compressed: number;
  /** How much worse the compressed model is, in the same unit (points); negative when it is better. */
  readonly drop: number;
  readonly samples: number;
}

/** Percentage of samples whose label is among the `k` largest class scores. */
export function topK(k: number): Metric {
  return { name: `top-${k}`, higherIsBetter: true, create: () => new TopKMeter(k) };
}

export const BUILT_IN_METRICS: Readonly<Record<string, Metric>> = { "top-1": topK(1), "top-5": topK(5) };

class TopKMeter implements MetricMeter {
  private right = 0;
  private rows = 0;

  constructor(private readonly k: number) {}

  observe(outputs: Feed, label: Label, where: string): void {
    const { values, classes } = scoresOf(outputs, where);
    const labels: unknown = typeof label === "number" ? [label] : label;
    if (!Array.isArray(labels) || labels.length * classes !== values.length) {
      throw new BadDataError(
        `${where}: the model gives ${values.length / classes} rows of class scores, each of which ` +
          "needs a class index as label; " +
          `for other labels, give a metric module with ${option("metric")}`,
      );
    }
    labels.forEach((index: unknown, row) => {
      if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= classes) {
        throw new BadDataError(
          `${where}: label ${String(index)} is not a class index from 0 to ${classes - 1}`,
        );
      }
      this.rows++;
      if (rankOf(values, row * classes, classes, index) < this.k) this.right++;
    });
  }

  result(): number {
    return this.rows === 0 ? 0 : (100 * this.right) / this.rows;
  }
}

/**
 * The number of classes ranked before `index`. Among equal scores, lower indices come first; NaN comes last.
 */
function rankOf(values: ArrayLike<number>, start: number, classes: number, index: number): number {
  const score = values[start + index]!;
  if (Number.isNaN(score)) return classes;
  let rank = 0;
  for (let i = 0; i < classes; i++) {
    const other = values[start + i]!;
    if (other > score || (other === score && i < index)) rank++;
  }
  return rank;
}

/** The only output that can hold class scores: float, two axes, at least two classes. */
function scoresOf(outputs: Feed, where: string): { values: ArrayLike<number>; classes: number } {
  const candidates = Object.values(outputs).filter(isScores);
  const [only] = candidates;
  if (!only || candidates.length > 1) {
    const found = Object.entries(outputs)
      .map(([name, { dims }]) => `${name} [${dims.join(", ")}]`)
      .join(", ");
    throw new BadDataError(
      `${where}: top-1 and top-5 need exactly one output of class scores [N, C], but the model ` +
        `gives ${found}. Give a metric module with ${option("metric")}.`,
    );
  }
  return { values: numbersOf(only), classes: only.dims[1] ?? 0 };
}

function isScores(value: TensorValue): boolean {
  return isFloatValue(value) && value.dims.length === 2 && (value.dims[1] ?? 0) >= 2;
}
