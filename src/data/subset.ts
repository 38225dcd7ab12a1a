/** Parts of a dataset, drawn the same way every time. */
import { EdgecError } from "../errors.js";
import type { Dataset, Sample } from "./dataset.js";

/** The first `count` samples. Throws EdgecError BAD_OPTION unless it is a positive integer. */
export function take(dataset: Dataset, count: number): Dataset {
  if (!Number.isSafeInteger(count) || count < 1)
    throw new EdgecError("BAD_OPTION", `the number of samples must be a positive integer, not ${count}`);
  return {
    name: dataset.name,
    size: dataset.size === undefined ? undefined : Math.min(count, dataset.size),
    hasLabels: dataset.hasLabels,
    async *samples() {
      let taken = 0;
      for await (const sample of dataset.samples()) {
        yield sample;
        if (++taken === count) return;
      }
    },
  };
}

export interface HoldOut {
  readonly rest: Dataset;
  readonly heldOut: Dataset;
}

/**
 * Splits by sample index into `fraction` held out and the rest, spread evenly: every prefix of the data
 * holds its share within one sample, and the seed says where the first held-out sample lies. With a known
 * size neither part is empty. Throws EdgecError BAD_OPTION for a fraction outside (0, 1) or a dataset of
 * fewer than two samples.
 */
export function splitHoldOut(dataset: Dataset, fraction: number, seed: number): HoldOut {
  if (!(fraction > 0 && fraction < 1))
    throw new EdgecError("BAD_OPTION", `the hold-out fraction must lie between 0 and 1, not ${fraction}`);
  const { size } = dataset;
  if (size !== undefined && size < 2) {
    throw new EdgecError("BAD_OPTION", `${dataset.name} has ${size} sample. Two are needed to hold one out.`);
  }
  const share =
    size === undefined ? fraction : Math.min(size - 1, Math.max(1, Math.round(size * fraction))) / size;
  const phase = phaseOf(seed);
  // Bresenham's line: a step up at an index means that it is held out.
  const isHeldOut = (index: number): boolean =>
    Math.floor((index + 1) * share + phase) > Math.floor(index * share + phase);
  return { rest: filtered(dataset, (index) => !isHeldOut(index)), heldOut: filtered(dataset, isHeldOut) };
}

function filtered(dataset: Dataset, keep: (index: number) => boolean): Dataset {
  const size =
    dataset.size === undefined
      ? undefined
      : Array.from({ length: dataset.size }, (_, i) => i).filter(keep).length;
  return {
    name: dataset.name,
    size,
    hasLabels: dataset.hasLabels,
    async *samples(): AsyncGenerator<Sample> {
      let index = 0;
      for await (const sample of dataset.samples()) if (keep(index++)) yield sample;
    },
  };
}

/**
 * A number in [0, 1) from the seed: the golden-ratio sequence, kept off the edges where rounding could add
 * a step.
 */
function phaseOf(seed: number): number {
  return 0.001 + 0.998 * ((((Math.abs(Math.trunc(seed)) % 2 ** 20) + 1) * 0.6180339887498949) % 1);
}
