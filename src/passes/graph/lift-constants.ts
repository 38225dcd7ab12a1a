/**
 * Constant nodes become initializers, which is where weights are looked for: exporters such as Paddle's put
 * every weight behind a Constant node.
 *
 * Before: Constant(value) → "w" → Conv. After: initializer "w" → Conv. Takes tensors, numbers, strings and
 * lists of them, in bodies too. Stays: sparse values, and constants that are themselves an output of their
 * graph.
 *
 * Models below IR version 4 list every initializer as a graph input as well. Constants are taken from the
 * inputs there, which makes it a model of version 4 (see definePass). From version 4 on, such an
 * initializer is a default that a caller may override: it is no constant to any pass, which is said in a
 * diagnostic. `freezeDefaults` takes it from the inputs.
 */
import type { Diagnostic } from "../../diagnostics.js";
import {
  DataType,
  floatTensor,
  GraphEditor,
  integerTensor,
  isOp,
  type Attribute,
  type Graph,
  type Node,
  type Tensor,
} from "../../ir/index.js";
import { definePass } from "../define-pass.js";

export interface LiftConstantsOptions {
  /** Takes initializers that are inputs too for constants, so that callers can no longer override them. */
  freezeDefaults: boolean;
}

export const liftConstants = definePass<LiftConstantsOptions>({
  name: "lift-constants",
  description: "turns Constant nodes into initializers",
  lossy: false,
  defaults: { freezeDefaults: false },
  run(model, { freezeDefaults }) {
    const isOld = Number(model.irVersion ?? 0n) < 4;
    const listed = listedConstants(model.graph);
    const frozen = isOld || freezeDefaults ? listed : new Set<string>();
    const lifted = GraphEditor.forModel(model).reduce((sum, editor) => sum + liftAll(editor), 0);
    if (frozen.size > 0) model.graph.inputs = model.graph.inputs.filter((input) => !frozen.has(input.name));
    return {
      modified: lifted + frozen.size > 0,
      stats: { constantsLifted: lifted, defaultsFrozen: frozen.size },
      nodes: [],
      diagnostics: frozen.size === listed.size ? [] : [overridable(listed)],
    };
  },
});

/** Names that are initializer and input at once. */
function listedConstants(graph: Graph): Set<string> {
  const inputs = new Set(graph.inputs.map((input) => input.name));
  return new Set(
    graph.initializers.flatMap(({ name }) => (name !== undefined && inputs.has(name) ? [name] : [])),
  );
}

function overridable(names: ReadonlySet<string>): Diagnostic {
  const [first = ""] = names;
  return {
    id: "lift-constants/overridable",
    severity: "warning",
    subject: first,
    message:
      `${names.size} initializers ("${first}"${names.size > 1 ? ", …" : ""}) are graph ` +
      "inputs too, so callers may override them: they are left as they are. " +
      "If nobody does, the option freezeDefaults of lift-constants makes constants of them.",
  };
}

function liftAll(editor: GraphEditor): number {
  const lifted = editor.graph.nodes.filter((node) => {
    const tensor =
      isOp(node, "Constant") && !editor.isOutput(node.outputs[0] ?? "") ? constantValue(node) : undefined;
    if (tensor) editor.addInitializer(tensor);
    return tensor !== undefined;
  });
  if (lifted.length === 0) return 0;
  editor.removeNodes(...lifted);
  const names = new Set(lifted.map((node) => node.outputs[0]));
  // An initializer carries its own type.
  editor.graph.valueInfo = editor.graph.valueInfo.filter((value) => !names.has(value.name));
  return lifted.length;
}

/** The value of a Constant node as a tensor that bears the name of its output; undefined for a sparse one. */
function constantValue(node: Node): Tensor | undefined {
  const name = node.outputs[0];
  const value = node.attributes.map(attributeValue).find((tensor) => tensor !== undefined);
  return name && value ? { ...value, name } : undefined;
}

function attributeValue({
  name,
  t,
  f,
  i,
  s,
  floats,
  ints,
  strings,
  refAttrName,
}: Attribute): Tensor | undefined {
  if (refAttrName) return undefined;
  switch (name) {
    case "value":
      return t;
    case "value_float":
      return floatTensor("", [], Float32Array.of(f ?? 0));
    case "value_floats":
      return floatTensor("", [floats?.length ?? 0], Float32Array.from(floats ?? []));
    case "value_int":
      return int64s([i ?? 0n], []);
    case "value_ints":
      return int64s(ints ?? []);
    case "value_string":
      return stringTensor([s ?? new Uint8Array(0)], []);
    case "value_strings":
      return stringTensor(strings ?? []);
    default:
      return undefined;
  }
}

function int64s(values: readonly bigint[], dims: readonly number[] = [values.length]): Tensor {
  return integerTensor("", dims, DataType.INT64, BigInt64Array.from(values));
}

function stringTensor(values: readonly Uint8Array[], dims: readonly number[] = [values.length]): Tensor {
  return { dims: [...dims], dataType: DataType.STRING, typed: { string: values } };
}
