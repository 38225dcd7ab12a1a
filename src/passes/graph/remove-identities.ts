/**
 * Removes nodes whose output equals their input: Identity, Dropout outside training, Cast to the same type,
 * Transpose that keeps the order, Concat, Sum, Max, Min and Mean of one input, Pad by nothing and, if the shape
 * is known to stay the same: Reshape and similar operators, Expand, Tile, full Slice, Mul and Div by 1, Add of
 * -0, Sub of 0, pooling of single elements.
 *
 * Before: x → Identity → y → Conv. After: x → Conv. Graph inputs and outputs keep their names. An identity
 * before an output is removed if the node before it can take over the output's name. It stays after an input, a
 * constant, another output or a value of an outer graph, which must not directly be an output.
 */
import {
  DataType,
  elementCount,
  GraphEditor,
  getAttribute,
  hidesName,
  intAttribute,
  intsAttribute,
  isOp,
  nodeLabel,
  opsetVersion,
  toNumbers,
} from "../../ir/index.js";
import type { Node } from "../../ir/index.js";
import { analyzeShapes, type GraphFacts } from "../../ops/shape-analysis.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

/** Older versions of Dropout had an attribute for training. */
const OLDEST_DROPOUT = 7;

export const removeIdentities = definePass<Record<string, never>>({
  name: "remove-identities",
  description: "Remove nodes that return their input unchanged",
  lossy: false,
  defaults: {},
  run(model) {
    const opset = opsetVersion(model);
    const editors = GraphEditor.forModel(model);
    const types = analyzeShapes(editors);
    let removed = 0;
    // Bodies first, so that their captured values are final when the enclosing graph is edited.
    for (const editor of editors.reverse()) {
      const gone: Node[] = [];
      const renamed = new Set<string>();
      for (const node of [...editor.graph.nodes]) {
        const input = inputHandedOn(node, editor, types.get(editor), opset);
        if (input !== undefined && bypass(node, node.inputs[input] ?? "", editor, renamed)) gone.push(node);
      }
      if (gone.length > 0) editor.removeNodes(...gone);
      if (renamed.size > 0)
        editor.graph.valueInfo = editor.graph.valueInfo.filter(({ name }) => !renamed.has(name));
      removed += gone.length;
    }
    return exactResult({ identitiesRemoved: removed });
  },
});

/** The index of the input that the output equals, if one does; for Mul and Add it may be the second. */
function inputHandedOn(
  node: Node,
  editor: GraphEditor,
  facts: GraphFacts | undefined,
  opset: number,
): number | undefined {
  if (isIdentity(node, editor, facts, opset)) return 0;
  if (!facts || !isOp(node, "Mul", "Add") || !keepsShape(node, facts, 1)) return undefined;
  return allAre(node.inputs[0], isOp(node, "Mul") ? 1 : -0, editor) ? 1 : undefined;
}

function isIdentity(node: Node, editor: GraphEditor, facts: GraphFacts | undefined, opset: number): boolean {
  if (isOp(node, "Identity")) return true;
  if (isOp(node, "Concat", "Sum", "Max", "Min", "Mean")) return node.inputs.length === 1;
  if (isOp(node, "Dropout")) return opset >= OLDEST_DROPOUT && isInference(node, editor);
  if (isOp(node, "Cast"))
    return facts?.type(node.inputs[0] ?? "")?.elementType === intAttribute(node, "to", DataType.UNDEFINED);
  if (isOp(node, "Transpose")) return intsAttribute(node, "perm")?.every((axis, k) => axis === k) ?? false;
  if (isOp(node, "Pad")) return padsNothing(node, editor);
  return facts !== undefined && keepsShape(node, facts) && keepsValues(node, editor);
}

/** Whether the output is known to have the type and every size of the input. */
function keepsShape(node: Node, facts: GraphFacts, input = 0): boolean {
  const [from, to] = [facts.type(node.inputs[input] ?? ""), facts.type(node.outputs[0] ?? "")];
  return (
    from?.shape !== undefined &&
    from.elementType === to?.elementType &&
    from.shape.length === to.shape?.length &&
    from.shape.every((dim, k) => dim === to.shape?.[k])
  );
}

/** Whether a node that keeps the shape also keeps every value, including -0 and NaN: x + 0 would turn -0 into 0. */
function keepsValues(node: Node, editor: GraphEditor): boolean {
  if (isOp(node, "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile")) return true;
  if (isOp(node, "Slice")) return (node.inputs[4] ?? "") === "" || allAre(node.inputs[4], 1, editor);
  if (isOp(node, "Mul", "Div")) return allAre(node.inputs[1], 1, editor);
  if (isOp(node, "Add")) return allAre(node.inputs[1], -0, editor);
  if (isOp(node, "Sub")) return allAre(node.inputs[1], 0, editor);
  return (
    isOp(node, "AveragePool", "MaxPool") &&
    node.outputs.length === 1 &&
    (intsAttribute(node, "kernel_shape")?.every((size) => size === 1) ?? false) &&
    (intsAttribute(node, "strides")?.every((stride) => stride === 1) ?? true) &&
    (intsAttribute(node, "pads")?.every((pad) => pad === 0) ?? true)
  );
}

/** Longer constants are not neutral elements in practice and are not read. */
const MAX_NEUTRAL = 4096;

/** Whether every value of the constant is exactly `value`; for integers, 0 and -0 are the same. */
function allAre(name: string | undefined, value: number, editor: GraphEditor): boolean {
  const tensor = editor.constant(name ?? "");
  if (!tensor || !NUMERIC.has(tensor.dataType) || elementCount(tensor) > MAX_NEUTRAL) return false;
  const isInteger = INTEGERS.has(tensor.dataType);
  return toNumbers(tensor).every((found) => (isInteger ? found === value : Object.is(found, value)));
}

const INTEGERS: ReadonlySet<number> = new Set([DataType.INT64, DataType.INT32]);
const NUMERIC: ReadonlySet<number> = new Set([
  ...INTEGERS,
  DataType.FLOAT,
  DataType.DOUBLE,
  DataType.FLOAT16,
]);

function isInference(node: Node, editor: GraphEditor): boolean {
  const mask = node.outputs[1] ?? "";
  if (mask !== "" && (editor.isOutput(mask) || editor.consumers(mask).length > 0)) return false;
  const training = node.inputs[2] ?? "";
  if (training === "") return true;
  const constant = editor.constant(training);
  return constant !== undefined && toNumbers(constant)[0] === 0;
}

function padsNothing(node: Node, editor: GraphEditor): boolean {
  const listed = getAttribute(node, "pads") ? intsAttribute(node, "pads") : undefined;
  const constant = listed ? undefined : editor.constant(node.inputs[1] ?? "");
  const pads = listed ?? (constant && toNumbers(constant));
  return pads?.every((pad) => pad === 0) ?? false;
}

/**
 * Redirects all users of the node, which the caller then removes. Returns false if the name of a graph input or
 * output prevents that.
 * @param renamed collects the new names of renamed values
 */
function bypass(node: Node, input: string, editor: GraphEditor, renamed: Set<string>): boolean {
  const output = node.outputs[0] ?? "";
  if (input === "" || output === "") return false;
  if (!editor.isOutput(output)) {
    if (editor.consumers(output).some((user) => hidesName(user, input))) return false;
    editor.replaceUses(output, input);
    return true;
  }
  if (!renameProducer(node, input, output, editor)) return false;
  renamed.add(input);
  return true;
}

/** Gives the output's name to the value itself, if the graph computes the value and it is not yet an output. */
function renameProducer(node: Node, input: string, output: string, editor: GraphEditor): boolean {
  const producer = editor.producer(input);
  if (!producer || editor.isOutput(input)) return false;
  if (editor.consumers(input).some((user) => hidesName(user, output))) return false;
  const label = nodeLabel(producer);
  editor.removeNodes(node);
  editor.replaceUses(input, output);
  editor.setOutput(producer, producer.outputs.indexOf(input), output);
  editor.recordProvenance(label, nodeLabel(producer));
  return true;
}
