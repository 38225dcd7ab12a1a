/**
 * Prepares a copy of the model for inspection: sizes set, functions inlined, Constant nodes lifted, types
 * inferred.
 */
import {
  allNodes,
  copyModel,
  GraphEditor,
  type Model,
  type Node,
  type Tensor,
  callBody,
  functionKey,
  subgraphsOf,
  withNested,
} from "../ir/index.js";
import { inferScopes, type TypeMap } from "../ops/shapes.js";
import { liftConstants } from "../passes/graph/lift-constants.js";
import { giveSizes, type GivenSizes } from "./input-shapes.js";
import { takeOneSample } from "./open-batch.js";
import { mergeShapes, type Shapes } from "./run-shapes.js";

export interface PreparedModel {
  readonly editors: readonly GraphEditor[];
  readonly types: ReadonlyMap<GraphEditor, TypeMap>;
  /** The node of the given model for a node of the copy: the call, for a node of a function's body. */
  readonly origin: (node: Node) => Node;
  /** Initializers of the given model, without values of Constant nodes. */
  readonly initializers: ReadonlySet<Tensor>;
}

/** A copy with the given sizes in its declarations; it shares constants. Throws as `giveSizes` does. */
export function sizedModel(model: Model, sizes: GivenSizes): Model {
  const copy = copyModel(model);
  giveSizes(copy, sizes);
  return copy;
}

/** @param measured shapes of values of the main graph from a run */
export async function prepareModel(
  model: Model,
  sizes: GivenSizes,
  measured: Shapes = new Map(),
): Promise<PreparedModel> {
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

/** Measured shapes override declared ones. */
function overlaid(types: TypeMap, measured: Shapes): TypeMap {
  const all = new Map(types);
  for (const [name, shape] of measured)
    all.set(name, { elementType: types.get(name)?.elementType ?? 0, shape: [...shape] });
  return all;
}

/** Most nodes that inlining may add; functions that call functions grow exponentially. */
const MAX_NODES = 50_000;
const MAX_LEVELS = 32;

/**
 * Inlines the calls in `model`'s graph and its bodies, in place, until they add 50,000 nodes; other calls
 * stay. Bodies keep no declarations. Returns the call that each new node comes from.
 */
export function expandCalls(model: Model): Map<Node, Node> {
  const functions = new Map(model.functions.map((fn) => [functionKey(fn.domain, fn.name, fn.overload), fn]));
  const origins = new Map<Node, Node>();
  let called = 0;
  const visit = (nodes: readonly Node[], level: number): Node[] =>
    nodes.flatMap((node) => {
      for (const body of subgraphsOf(node)) body.nodes = visit(body.nodes, level);
      const fn = functions.get(functionKey(node.domain, node.opType, node.overload));
      if (!fn || level >= MAX_LEVELS || origins.size + fn.nodes.length > MAX_NODES) return [node];
      const prefix = `${fn.name ?? ""}#${called++}/`;
      const inner = callBody(node, fn, (name) => prefix + name);
      for (const each of withNested(inner)) {
        origins.set(each, origins.get(node) ?? node);
        for (const body of subgraphsOf(each)) body.valueInfo = [];
      }
      return visit(inner, level + 1);
    });
  if (functions.size > 0) model.graph.nodes = visit(model.graph.nodes, 0);
  return origins;
}
