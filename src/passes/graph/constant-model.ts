/** Builds a model without inputs that computes some values of another model. */
import {
  emptyGraph,
  modelOf,
  tensorBytes,
  type GraphEditor,
  type Model,
  type Node,
  type Tensor,
} from "../../ir/index.js";

/**
 * @param nodes nodes of the editor's graph in order; their inputs are constants or outputs of each other
 * @param outputs names of the values to compute
 */
export function constantModel(
  model: Model,
  editor: GraphEditor,
  nodes: readonly Node[],
  outputs: readonly string[],
): Model {
  const needed = new Set(outputs);
  const used: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    used.push(node);
    for (const input of node.inputs) needed.add(input);
  }
  used.reverse();
  const computed = new Set(used.flatMap((node) => node.outputs));
  const initializers = [...needed].flatMap((name) => {
    const tensor = computed.has(name) ? undefined : editor.constant(name);
    return tensor ? [inMemory(tensor, name)] : [];
  });
  const irVersion = model.irVersion !== undefined && model.irVersion > 4n ? model.irVersion : 4n;
  // The runtime infers the types of the outputs.
  const graph = {
    ...emptyGraph("constants"),
    nodes: used,
    initializers,
    outputs: outputs.map((name) => ({ name })),
  };
  return modelOf(graph, irVersion, model.opsetImports);
}

/** The tensor with its bytes in memory, because the model has no folder in which external data could be found. */
function inMemory(tensor: Tensor, name: string): Tensor {
  return tensor.external
    ? { name, dims: tensor.dims, dataType: tensor.dataType, raw: tensorBytes(tensor) }
    : { ...tensor, name };
}
