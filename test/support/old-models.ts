/**
 * Models of one or few nodes at a given version of the operator set, whose inputs are declared by the feed.
 */
import {
  emptyGraph,
  tensorValue,
  type Feed,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { irVersionFor } from "../../src/ops/upgrade/upgrade-opset.js";

/** Outputs are declared by name alone; onnxruntime infers their types. */
export function modelAt(
  opset: number,
  nodes: Node[],
  feed: Feed,
  outputs: readonly string[] = nodes.at(-1)?.outputs ?? [],
  initializers: Tensor[] = [],
): Model {
  return {
    irVersion: BigInt(Math.max(4, irVersionFor(opset))),
    opsetImports: [{ domain: "", version: BigInt(opset) }],
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
    graph: {
      ...emptyGraph("g"),
      nodes,
      initializers,
      inputs: Object.entries(feed).map(([name, { dataType, dims }]) => tensorValue(name, dataType, dims)),
      outputs: outputs.map((name) => ({ name })),
    },
  };
}
