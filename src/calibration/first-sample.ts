/** What the first sample tells about sizes, before anything is measured. */
import type { Dataset } from "../data/dataset.js";
import { BadDataError } from "../errors.js";
import type { Feed, Model } from "../ir/index.js";
import { modelOfShapes, type Located } from "./augment.js";
import { exposeInner, type InnerTensor } from "./inner-tensors.js";
import type { CalibrationClient } from "./process.js";
import { modelLabel, type ScratchModels } from "./scratch-models.js";

type Shapes = Map<string, readonly number[]>;

export class FirstSample {
  private constructor(
    private readonly model: Model,
    private readonly feed: Feed,
    private readonly child: CalibrationClient,
    private readonly scratch: ScratchModels,
  ) {}

  /** Throws BadDataError when there is none. */
  static async take(model: Model, dataset: Dataset, child: CalibrationClient, scratch: ScratchModels): Promise<FirstSample> {
    for await (const { feed } of dataset.samples()) return new FirstSample(model, feed, child, scratch);
    throw new BadDataError(`${dataset.name}: holds no samples; calibration needs at least one`);
  }

  /** Of the inputs from the feed, of computed tensors from one run that keeps no values. A lifted tensor is flat. */
  async shapes({ inputs, computed }: Located, inner: readonly InnerTensor[]): Promise<Shapes> {
    const shapes: Shapes = new Map(inputs.map((name) => [name, this.feed[name]?.dims ?? []]));
    const lifted = inner.map(({ output }) => output);
    const names = [...computed, ...lifted];
    if (names.length === 0) return shapes;
    const { model, outputs } = modelOfShapes(exposeInner(this.model, inner, "counts"), names, new Set(lifted));
    const args = [this.scratch.write(model), modelLabel(this.model), this.feed, outputs] as const;
    const found = await this.child.call("shapes", [...args], "running the first calibration sample");
    names.forEach((name, i) => shapes.set(name, found[i] ?? []));
    assumeSizes(shapes, lifted);
    return shapes;
  }
}

/** A body that the first sample passes by may run on others: its tensors count as large as the largest of all. */
function assumeSizes(shapes: Shapes, lifted: readonly string[]): void {
  let largest = 0;
  for (const dims of shapes.values()) largest = Math.max(largest, dims.reduce((product, dim) => product * dim, 1));
  for (const name of lifted) if (shapes.get(name)?.[0] === 0) shapes.set(name, [largest]);
}
