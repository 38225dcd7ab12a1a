/**
 * Infers element types, ranks and some sizes without running the model. A light, best-effort propagation; full
 * shape inference is left to the runtime. Absent means unknown, never "not a tensor".
 */
import {
  DataType,
  type Dimension,
  type Graph,
  type GraphEditor,
  ownNames,
  type Tensor,
  type TensorType,
} from "../ir/index.js";
import { inferOutputs } from "./shape-rules.js";

/** Types by value name. */
export type TypeMap = ReadonlyMap<string, TensorType>;

/**
 * Types of the graph's values. Declared types come first; the rest is propagated node by node.
 * @param outer types of the graphs that enclose a body, whose values it may capture
 * @param constant looks up constants of the enclosing graphs
 */
export function inferTypes(
  graph: Graph,
  outer: TypeMap = new Map(),
  constant: (name: string) => Tensor | undefined = () => undefined,
): Map<string, TensorType> {
  const types = new Map(outer);
  const constants = new Map(graph.initializers.map((tensor) => [tensor.name ?? "", tensor]));
  const lookUp = (name: string): Tensor | undefined => constants.get(name) ?? constant(name);
  // A body's own value shadows the outer one of the same name, whether its type is known or not.
  for (const name of ownNames(graph)) types.delete(name);
  for (const { name, type } of [...graph.valueInfo, ...graph.outputs, ...graph.inputs])
    if (type?.tensor) types.set(name, type.tensor);
  for (const [name, tensor] of constants)
    types.set(name, { elementType: tensor.dataType, shape: [...tensor.dims] });
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => types.get(name));
    const outputs = inferOutputs(node, inputs, (index) => lookUp(node.inputs[index] ?? ""));
    node.outputs.forEach((name, k) => {
      const merged = merge(types.get(name), outputs[k]);
      if (name !== "" && merged) types.set(name, merged);
    });
  }
  return types;
}

/**
 * Types of the values of every graph of a model; editors are outermost first (`GraphEditor.forModel`).
 * @param declared whether to trust declarations of intermediate values or ignore them
 */
export function inferScopes(editors: readonly GraphEditor[], declared = true): Map<GraphEditor, TypeMap> {
  const types = new Map<GraphEditor, TypeMap>();
  for (const editor of editors) {
    const graph = declared ? editor.graph : { ...editor.graph, valueInfo: [] };
    types.set(
      editor,
      inferTypes(graph, editor.parent && types.get(editor.parent), (name) => editor.constant(name)),
    );
  }
  return types;
}

/** The declared type, with its unknown parts filled in from the inferred one. */
function merge(declared: TensorType | undefined, inferred: TensorType | undefined): TensorType | undefined {
  if (!declared || declared.elementType === DataType.UNDEFINED) return inferred ?? declared;
  if (!inferred?.shape) return declared;
  if (!declared.shape) return { elementType: declared.elementType, shape: inferred.shape };
  if (declared.shape.length !== inferred.shape.length) return declared;
  return {
    elementType: declared.elementType,
    shape: declared.shape.map((dim, k) => finer(dim, inferred.shape?.[k])),
  };
}

function finer(declared: Dimension, inferred: Dimension): Dimension {
  return declared === undefined || (typeof declared === "string" && typeof inferred === "number")
    ? (inferred ?? declared)
    : declared;
}

/** Number of elements, if every size is known. */
export function staticCount(shape: readonly Dimension[] | undefined): number | undefined {
  if (!shape) return undefined;
  let count = 1;
  for (const dim of shape) {
    if (typeof dim !== "number") return undefined;
    count *= dim;
  }
  return count;
}
