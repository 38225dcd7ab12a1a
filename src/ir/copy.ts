/**
 * Copies a model so that it can be changed without affecting the original. Constants and encoded messages are
 * shared.
 */
import { requireModel } from "../arguments.js";
import type { Graph, Node, Attribute } from "./graph.js";
import type { FunctionDef, Model } from "./model.js";
import type { ValueInfo } from "./value.js";

export function copyModel(model: Model): Model {
  requireModel("copyModel", model);
  return {
    ...model,
    opsetImports: model.opsetImports.map((o) => ({ ...o })),
    graph: copyGraph(model.graph),
    functions: model.functions.map(copyFunction),
    ...(model.storedForms ? { storedForms: [...model.storedForms] } : {}),
    ...(model.provenance
      ? { provenance: new Map([...model.provenance].map(([name, others]) => [name, new Set(others)])) }
      : {}),
    ...(model.removed ? { removed: new Map(model.removed) } : {}),
  };
}

function copyGraph(graph: Graph): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map(copyNode),
    initializers: [...graph.initializers],
    inputs: graph.inputs.map(copyValue),
    outputs: graph.outputs.map(copyValue),
    valueInfo: graph.valueInfo.map(copyValue),
  };
}

export function copyNode(node: Node): Node {
  return {
    ...node,
    inputs: [...node.inputs],
    outputs: [...node.outputs],
    attributes: node.attributes.map(copyAttribute),
  };
}

function copyFunction(fn: FunctionDef): FunctionDef {
  return {
    ...fn,
    nodes: fn.nodes.map(copyNode),
    opsetImports: fn.opsetImports.map((o) => ({ ...o })),
    valueInfo: fn.valueInfo.map(copyValue),
  };
}

export function copyAttribute(attribute: Attribute): Attribute {
  return {
    ...attribute,
    ...(attribute.g ? { g: copyGraph(attribute.g) } : {}),
    ...(attribute.graphs ? { graphs: attribute.graphs.map(copyGraph) } : {}),
  };
}

function copyValue(value: ValueInfo): ValueInfo {
  return { ...value };
}
