/** Models over one float input x, with feeds and datasets for it. */
import type { Dataset } from "../../src/data/index.js";
import {
  DataType,
  tensorValue,
  type Dimension,
  type Feed,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { bareModel } from "./bare-model.js";

/** A model over one float input "x" whose output is that of the last node. */
export function model(shape: readonly Dimension[], nodes: Node[], initializers: Tensor[] = []): Model {
  const output = nodes.at(-1)?.outputs[0] ?? "";
  return bareModel({
    name: "tiny",
    nodes,
    initializers,
    inputs: [tensorValue("x", DataType.FLOAT, shape)],
    outputs: [tensorValue(output, DataType.FLOAT)],
  });
}

export function feed(dims: readonly number[], values: ArrayLike<number>): Feed {
  return { x: { dataType: DataType.FLOAT, dims, data: Float32Array.from(values) } };
}

export function dataset(feeds: readonly Feed[], sized = true): Dataset {
  return {
    name: "test data",
    size: sized ? feeds.length : undefined,
    hasLabels: false,
    async *samples() {
      for (const one of feeds) yield { feed: one };
    },
  };
}
