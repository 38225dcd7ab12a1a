/**
 * lift-constants: makes every constant an initializer, where all other passes look for weights.
 *
 *   Constant(value) → c        becomes        initializer c
 *
 * Handles dense tensors, floats, ints and strings, in every scope. A Constant that makes a graph output stays, since
 * an output must be made by a node; so do sparse values, and constants of function bodies, which have no initializers.
 * Below IR version 4 every initializer is listed as an input and cannot be overridden in practice: the listing goes and
 * the IR version is raised to 4. From version 4 on a listed initializer is a default that callers may override: it stays.
 */
import { type Attribute, DataType, floatTensor, GraphEditor, int64Tensor, isOp, type Model, type Node, type Tensor } from "../../ir/index.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

/** The IR version from which initializers need not be graph inputs. */
const OPTIONAL_INPUTS_IR = 4n;

export const liftConstants = definePass({
  name: "lift-constants",
  description: "Make the values of Constant nodes initializers",
  lossy: false,
  defaults: {},
  run: (model) => {
    let lifted = 0;
    for (const editor of GraphEditor.forModel(model)) lifted += liftGraph(editor);
    return exactResult({ lifted, unlisted: unlistInitializers(model) });
  },
});

function liftGraph(editor: GraphEditor): number {
  const lifted: Node[] = [];
  for (const node of editor.graph.nodes) {
    const name = node.outputs[0];
    if (!isOp(node, "Constant") || name === undefined || editor.isOutput(name)) continue;
    const tensor = node.attributes[0] && constantValue(node.attributes[0], name);
    if (!tensor) continue;
    lifted.push(node);
    editor.addInitializer(tensor);
  }
  if (lifted.length > 0) editor.removeNodes(...lifted);
  return lifted.length;
}

function constantValue(attribute: Attribute, name: string): Tensor | undefined {
  switch (attribute.name) {
    case "value": return attribute.t && { ...attribute.t, name };
    case "value_float": return floatTensor(name, [], Float32Array.of(attribute.f ?? 0));
    case "value_floats": return floatTensor(name, [attribute.floats?.length ?? 0], Float32Array.from(attribute.floats ?? []));
    case "value_int": return int64Tensor(name, [Number(attribute.i ?? 0n)], []);
    case "value_ints": return int64Tensor(name, (attribute.ints ?? []).map(Number));
    case "value_string": return { name, dims: [], dataType: DataType.STRING, typed: { string: [attribute.s ?? new Uint8Array()] } };
    case "value_strings": return { name, dims: [attribute.strings?.length ?? 0], dataType: DataType.STRING, typed: { string: attribute.strings ?? [] } };
    default: return undefined;
  }
}

function unlistInitializers(model: Model): number {
  if ((model.irVersion ?? 0n) >= OPTIONAL_INPUTS_IR || model.irVersion === undefined) return 0;
  const constants = new Set(model.graph.initializers.map((tensor) => tensor.name ?? ""));
  const kept = model.graph.inputs.filter((input) => !constants.has(input.name));
  const unlisted = model.graph.inputs.length - kept.length;
  if (unlisted === 0) return 0;
  model.graph.inputs = kept;
  model.irVersion = OPTIONAL_INPUTS_IR;
  return unlisted;
}
