/** Models in a line or two. Values are float32 unless a feed or a tensor says otherwise. */
import {
  attribute,
  emptyGraph,
  tensorValue,
  DataType,
  type Attribute,
  type Feed,
  type Graph,
  type Model,
  type Node,
  type Tensor,
} from "../../src/ir/index.js";
import { printGraph } from "../../src/ir/print.js";
import type { Pass, PassResult } from "../../src/passes/contract.js";
import { assertValid } from "../../src/ir/validate.js";
import { bareModel } from "./bare-model.js";
import { floats, CONTEXT } from "./running.js";

export const X: Feed = { x: floats([2, 3]) };

export interface Parts {
  readonly opset?: number;
  readonly feed?: Feed;
  readonly outputs?: readonly string[];
  readonly initializers?: Tensor[];
}

/** A model over the feed's inputs; its outputs are those of the last node unless named. */
export function tiny(
  nodes: Node[],
  { opset = 17, feed = X, outputs = nodes.at(-1)?.outputs ?? [], initializers = [] }: Parts = {},
): Model {
  const graph = {
    nodes,
    initializers,
    inputs: Object.entries(feed).map(([name, { dataType, dims }]) => tensorValue(name, dataType, dims)),
    outputs: outputs.map((name) => ({ name })),
  };
  return bareModel(graph, { opset });
}

/** A branch of If with one float output. */
export function branch(
  name: "then_branch" | "else_branch",
  nodes: Node[],
  initializers: Tensor[] = [],
  output = nodes.at(-1)?.outputs[0] ?? "",
): Attribute {
  const graph: Graph = {
    ...emptyGraph(name),
    nodes,
    initializers,
    outputs: [tensorValue(output, DataType.FLOAT)],
  };
  return attribute.graph(name, graph);
}

export const FLAG: Feed = { c: { dataType: DataType.BOOL, dims: [], data: Uint8Array.of(1) } };

/** The body of the graph's dump, without indentation of the whole, so that expectations read as programs. */
export function shown(model: Model): string[] {
  return printGraph(model.graph)
    .trimEnd()
    .split("\n")
    .slice(1, -1)
    .map((line) => line.slice(2))
    .filter((line) => !/^(input|output) /.test(line));
}

/** Runs the pass, checks that the model is sound and that a second run finds nothing left to do. */
export async function apply(pass: Pass, model: Model): Promise<PassResult> {
  const result = await pass.run(model, CONTEXT);
  assertValid(model, pass.name);
  const again = await pass.run(model, CONTEXT);
  if (again.modified)
    throw new Error(`${pass.name} changed the model a second time: ${JSON.stringify(again.stats)}`);
  return result;
}
