/** A copy of the model made for looking at: sizes given, functions inlined, Constant nodes lifted, types inferred. */
import { allNodes, copyModel, GraphEditor, type Model, type Node, type Tensor } from "../../ir/index.js";
import { inferScopes, type TypeMap } from "../../ops/shapes.js";
import { liftConstants } from "../../passes/graph/lift-constants.js";
import { expandCalls } from "./called-bodies.js";
import { giveSizes, type GivenSizes } from "./input-shapes.js";
import { takeOneSample } from "./open-batch.js";
import { mergeShapes, type Shapes } from "./run-shapes.js";

export interface PreparedModel {
  readonly editors: readonly GraphEditor[];
  readonly types: ReadonlyMap<GraphEditor, TypeMap>;
  /** The node of the given model that a node of the copy stands for: the call, for one of a function's body. */
  readonly origin: (node: Node) => Node;
  /** Initializers of the given model, as opposed to values of Constant nodes. */
  readonly initializers: ReadonlySet<Tensor>;
}

/** A copy whose declared sizes are the given ones; its constants are shared. Throws as `giveSizes` does. */
export function sizedModel(model: Model, sizes: GivenSizes): Model {
  const copy = copyModel(model);
  giveSizes(copy, sizes);
  return copy;
}

/** @param measured shapes of values of the main graph, from a run */
export async function prepareModel(model: Model, sizes: GivenSizes, measured: Shapes = new Map()): Promise<PreparedModel> {
  const copy = sizedModel(model, sizes);
  takeOneSample(copy);
  const originals = [...allNodes(model)];
  const origins = new Map([...allNodes(copy)].map((node, k) => [node, originals[k] ?? node]));
  const initializers = new Set(GraphEditor.forModel(copy).flatMap(({ graph }) => graph.initializers));
  const calls = expandCalls(copy);
  await liftConstants().run(copy, { statistics: undefined, evaluator: undefined, seed: 0 });
  const editors = GraphEditor.forModel(copy);
  mergeShapes(copy, inferScopes(editors.slice(0, 1)).get(editors[0]!) ?? new Map(), measured);
  const types = new Map<GraphEditor, TypeMap>(inferScopes(editors));
  if (measured.size > 0) types.set(editors[0]!, overlaid(types.get(editors[0]!) ?? new Map(), measured));
  return { editors, types, initializers, origin: (node) => origins.get(calls.get(node) ?? node) ?? node };
}

/** What was measured overrules what was declared. */
function overlaid(types: TypeMap, measured: Shapes): TypeMap {
  const all = new Map(types);
  for (const [name, shape] of measured) all.set(name, { elementType: types.get(name)?.elementType ?? 0, shape: [...shape] });
  return all;
}
