/**
 * Turns Constant nodes into initializers, where other passes expect weights: exporters such as Paddle's store
 * every weight in a Constant node.
 *
 * Before: Constant(value) → "w" → Conv. After: initializer "w" → Conv. Handles tensors, numbers, strings and
 * lists of them, also in bodies. Left alone: sparse values, and constants that are outputs of their graph.
 *
 * Models below IR version 4 list every initializer as a graph input as well. There, constants are removed from
 * the inputs, which raises the model to version 4 (see definePass). From version 4 on, such an initializer is a
 * default that a caller may override, so no pass treats it as a constant; a diagnostic says so.
 * `freezeDefaults` removes it from the inputs.
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
  /** Treats initializers that are also inputs as constants, so that callers can no longer override them. */
  freezeDefaults: boolean;
}

export const liftConstants = definePass<LiftConstantsOptions>({
  name: "lift-constants",
  description: "Turn Constant nodes into initializers",
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

/** Names that are both initializers and inputs. */
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
      `${names.size} initializers ("${first}"${names.size > 1 ? ", …" : ""}) are also graph ` +
      "inputs. They were left unchanged, because callers may override them. " +
      "If nobody does, set the option freezeDefaults of lift-constants to treat them as constants.",
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

/** The value of a Constant node as a tensor named after its output; undefined for a sparse one. */
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
