/**
 * merge-chains: replaces steps that undo or repeat each other by one step or none.
 *
 *   Transpose → Transpose                        →   Transpose by the product of both, or nothing
 *   Unsqueeze → Squeeze, Reshape → Reshape back  →   the value itself, if its shape is known to be the same
 *   Squeeze → Unsqueeze, or the other way round, by the same axes   →   the value itself
 *   Slice → Slice                                →   one Slice, of more axes or by composed bounds
 *   Slice of one element → Squeeze of that axis  →   Gather of one index
 *   Squeeze, Unsqueeze, Flatten or Reshape → Reshape by a constant without 0   →   Reshape
 *   Concat → Concat along one axis               →   Concat of all
 *   Cast → Cast, the first without loss          →   the second Cast
 *
 * Slices are merged if nothing else uses the intermediate value and, along the same axis, if the composed
 * bounds follow from constants and known sizes. A step with other uses stays for them. Graph outputs keep their
 * node.
 */
import {
  attribute,
  DataType,
  GraphEditor,
  hidesName,
  int64Tensor,
  intAttribute,
  intsAttribute,
  isOp,
  makeNode,
  opsetVersion,
  setAttribute,
  toNumbers,
  type Node,
} from "../../ir/index.js";
import { analyzeShapes, type GraphFacts } from "../../ops/shape-analysis.js";
import { definePass } from "../define-pass.js";
import { normalAxis } from "../../ops/weights.js";
import { exactResult } from "./result.js";
import {
  composeSlices,
  NEGATIVE_GATHER_OPSET,
  readSlice,
  singleIndex,
  squeezedAxes,
  writeSlice,
} from "./slice-bounds.js";

const VIEWS = ["Reshape", "Squeeze", "Unsqueeze", "Flatten"] as const;
const MAX_VIEWS = 8;
/** Longer concatenations are left alone, because each operand is linked again. */
const MAX_OPERANDS = 64;

export const mergeChains = definePass<Record<string, never>>({
  name: "merge-chains",
  description: "Merge steps that undo or repeat each other",
  lossy: false,
  defaults: {},
  run(model) {
    let merged = 0;
    const editors = GraphEditor.forModel(model);
    const facts = analyzeShapes(editors);
    for (const editor of editors) {
      const known = facts.get(editor);
      if (known) merged += mergeGraph(editor, known, opsetVersion(model));
    }
    return exactResult({ stepsMerged: merged });
  },
});

function mergeGraph(editor: GraphEditor, facts: GraphFacts, opset: number): number {
  const outputs = new Set(editor.graph.outputs.map(({ name }) => name));
  const gone: Node[] = [];
  let merged = 0;
  for (const node of [...editor.graph.nodes]) {
    const previous = editor.producer(node.inputs[0] ?? "");
    if (isOp(node, "Transpose") && isOp(previous, "Transpose") && mergeTransposes(node, previous, editor))
      merged++;
    else if (isOp(node, "Cast") && isOp(previous, "Cast") && mergeCasts(node, previous, editor, facts))
      merged++;
    else if (isOp(node, "Concat") && mergeConcats(node, editor)) merged++;
    else if (
      isOp(previous, "Slice") &&
      editor.soleConsumer(previous.outputs[0] ?? "") === node &&
      mergeSlice(node, previous, editor, facts, opset)
    ) {
      gone.push(previous);
      merged++;
    } else if (
      isOp(node, ...VIEWS) &&
      !outputs.has(node.outputs[0] ?? "") &&
      skipViews(node, editor, facts)
    ) {
      gone.push(node);
      merged++;
    } else if (isOp(node, "Reshape") && isOp(previous, ...VIEWS) && mergeViews(node, previous, editor))
      merged++;
  }
  if (gone.length > 0) editor.removeNodes(...gone);
  return merged;
}

function mergeTransposes(node: Node, previous: Node, editor: GraphEditor): boolean {
  const [outer, inner] = [intsAttribute(node, "perm"), intsAttribute(previous, "perm")];
  if (!outer || outer.length !== inner?.length) return false;
  editor.setInput(node, 0, previous.inputs[0] ?? "");
  setAttribute(
    node,
    attribute.ints(
      "perm",
      outer.map((axis) => inner[axis] ?? 0),
    ),
  );
  return true;
}

/**
 * Merges the preceding Slice into the node, if the node is a Slice or drops the axis from which the Slice takes
 * one element.
 */
function mergeSlice(
  node: Node,
  previous: Node,
  editor: GraphEditor,
  facts: GraphFacts,
  opset: number,
): boolean {
  const inner = readSlice(previous, editor);
  const shape = facts.shape(previous.inputs[0] ?? "");
  if (isOp(node, "Slice") && node.inputs[0] === previous.outputs[0]) {
    const outer = readSlice(node, editor);
    const both = inner && outer && composeSlices(inner, outer, shape);
    if (!both) return false;
    editor.setInput(node, 0, previous.inputs[0] ?? "");
    writeSlice(node, both, editor);
    return true;
  }
  const one = isOp(node, "Squeeze") && inner ? singleIndex(inner) : undefined;
  const axes = one && squeezedAxes(node, editor);
  if (!one || axes?.length !== 1) return false;
  const [taken, dropped] = [one.axis, axes[0] ?? 0].map((axis) =>
    shape ? normalAxis(axis, shape.length) : axis,
  ) as [number, number];
  if (taken !== dropped || (opset < NEGATIVE_GATHER_OPSET && (taken < 0 || one.index < 0))) return false;
  const index = editor.addInitializer(
    int64Tensor(editor.uniqueName(`${node.outputs[0] ?? ""}_index`), [one.index], []),
  );
  editor.replaceNode(
    node,
    makeNode(
      "Gather",
      [previous.inputs[0] ?? "", index],
      node.outputs,
      [attribute.int("axis", taken)],
      node.name,
    ),
  );
  return true;
}

/** Whether one removes the axes that the other inserts; both count them in the larger of the two shapes. */
function undoes(node: Node, previous: Node | undefined, editor: GraphEditor): boolean {
  const areInverse =
    (isOp(node, "Squeeze") && isOp(previous, "Unsqueeze")) ||
    (isOp(node, "Unsqueeze") && isOp(previous, "Squeeze"));
  const [axes, others] =
    areInverse && previous ? [squeezedAxes(node, editor), squeezedAxes(previous, editor)] : [];
  return axes !== undefined && others !== undefined && [...axes].sort().join() === [...others].sort().join();
}

/** For each type, the types that can represent all of its values. */
const HELD_BY: ReadonlyMap<number, readonly number[]> = new Map([
  [DataType.BOOL, [DataType.UINT8, DataType.INT32, DataType.INT64, DataType.FLOAT, DataType.DOUBLE]],
  [DataType.INT8, [DataType.INT16, DataType.INT32, DataType.INT64]],
  [DataType.UINT8, [DataType.INT16, DataType.INT32, DataType.INT64]],
  [DataType.INT32, [DataType.INT64]],
  [DataType.FLOAT16, [DataType.FLOAT, DataType.DOUBLE]],
  [DataType.FLOAT, [DataType.DOUBLE]],
]);

function mergeCasts(node: Node, previous: Node, editor: GraphEditor, facts: GraphFacts): boolean {
  const from = facts.type(previous.inputs[0] ?? "")?.elementType;
  const through = intAttribute(previous, "to", DataType.UNDEFINED);
  if (from === undefined || !(HELD_BY.get(from)?.includes(through) ?? false)) return false;
  editor.setInput(node, 0, previous.inputs[0] ?? "");
  return true;
}

/**
 * Replaces operands that come from a Concat along the same axis, with no other use, by that Concat's operands.
 * Once per sweep.
 */
function mergeConcats(node: Node, editor: GraphEditor): boolean {
  const axis = intAttribute(node, "axis", undefined);
  const isPart = (name: string): boolean => {
    const maker = editor.producer(name);
    return (
      isOp(maker, "Concat") &&
      intAttribute(maker, "axis", undefined) === axis &&
      editor.soleConsumer(name) === node
    );
  };
  if (axis === undefined || node.inputs.length > MAX_OPERANDS || !node.inputs.some(isPart)) return false;
  const operands = node.inputs.flatMap((name) =>
    isPart(name) ? (editor.producer(name)?.inputs ?? [name]) : [name],
  );
  if (operands.length > MAX_OPERANDS) return false;
  editor.setInputs(node, operands);
  return true;
}

/** If the last of several views has the shape of the value they started from, its users read that value. */
function skipViews(node: Node, editor: GraphEditor, facts: GraphFacts): boolean {
  const output = node.outputs[0] ?? "";
  const previous = editor.producer(node.inputs[0] ?? "");
  if (undoes(node, previous, editor)) return redirect(output, previous?.inputs[0] ?? "", editor);
  const shape = facts.shape(output);
  let at = node.inputs[0] ?? "";
  for (let step = 0; shape && step < MAX_VIEWS; step++) {
    const source = facts.shape(at);
    if (source?.length === shape.length && source.every((dim, k) => dim === shape[k])) {
      return redirect(output, at, editor);
    }
    const maker = editor.producer(at);
    if (!isOp(maker, ...VIEWS)) return false;
    at = maker.inputs[0] ?? "";
  }
  return false;
}

function redirect(from: string, to: string, editor: GraphEditor): boolean {
  if (editor.consumers(from).some((user) => hidesName(user, to))) return false;
  editor.replaceUses(from, to);
  return true;
}

/** A Reshape by numbers reads the source itself; a 0 would copy a size of the step between. */
function mergeViews(node: Node, previous: Node, editor: GraphEditor): boolean {
  const target = editor.constant(node.inputs[1] ?? "");
  if (!target || toNumbers(target).includes(0)) return false;
  editor.setInput(node, 0, previous.inputs[0] ?? "");
  return true;
}
