/**
 * simplify-shapes: replaces shape arithmetic with a known result.
 *
 *   Shape → Gather → Unsqueeze → Concat(·, 64) → Reshape   →   Reshape by [0, 64]
 *
 * A value that depends only on known sizes becomes a constant. The target shape of a Reshape becomes a constant
 * if each size is a number, the size of the input at the same position (0) or the only remaining one (-1); that
 * of an Expand, if each size is a number or the input's own size (1). Initial states of zeros are removed from
 * recurrent layers, because zeros are the default, and with them the arithmetic for their batch size.
 *
 * Sizes come from shape-analysis. With -1, the runtime rejects an empty batch, which it accepted before.
 */
import {
  DataType,
  elementCount,
  getAttribute,
  GraphEditor,
  int64Tensor,
  integerTensor,
  intAttribute,
  isOp,
  tensorBytes,
  type Dimension,
  type Node,
  type Tensor,
} from "../../ir/index.js";
import { analyzeShapes, type GraphFacts } from "../../ops/shape-analysis.js";
import { definePass } from "../define-pass.js";
import { exactResult } from "./result.js";

interface Counts {
  valuesFolded: number;
  targetsFolded: number;
  statesDropped: number;
  boundsFlattened: number;
}

export const simplifyShapes = definePass<Record<string, never>>({
  name: "simplify-shapes",
  description: "Replace shape arithmetic by constants",
  lossy: false,
  defaults: {},
  run(model) {
    const counts: Counts = { valuesFolded: 0, targetsFolded: 0, statesDropped: 0, boundsFlattened: 0 };
    const editors = GraphEditor.forModel(model);
    const facts = analyzeShapes(editors);
    for (const editor of editors) {
      const known = facts.get(editor);
      if (known) simplifyGraph(editor, known, counts);
    }
    return exactResult({ ...counts });
  },
});

function simplifyGraph(editor: GraphEditor, facts: GraphFacts, counts: Counts): void {
  const outputs = new Set(editor.graph.outputs.map(({ name }) => name));
  const folded: { node: Node; tensor: Tensor }[] = [];
  for (const node of [...editor.graph.nodes]) {
    const tensor =
      outputs.has(node.outputs[0] ?? "") || isOp(node, "Constant") ? undefined : knownValue(node, facts);
    if (tensor) folded.push({ node, tensor });
    else if (isOp(node, "Reshape") && foldTarget(node, reshapeTarget(node, facts), editor))
      counts.targetsFolded++;
    else if (isOp(node, "Expand") && foldTarget(node, expandTarget(node, facts), editor))
      counts.targetsFolded++;
    else if (isOp(node, "LSTM", "GRU", "RNN")) counts.statesDropped += dropZeroStates(node, editor);
    else if (isOp(node, "Range")) counts.boundsFlattened += flattenBounds(node, editor);
  }
  if (folded.length === 0) return;
  editor.removeNodes(...folded.map(({ node }) => node));
  // Removes constants that only folded nodes used, because onnxruntime rejects unused constants in files of IR
  // version 3.
  for (const { tensor } of folded)
    if (editor.consumers(tensor.name ?? "").length > 0) editor.addInitializer(tensor);
  const names = new Set(folded.map(({ tensor }) => tensor.name));
  editor.graph.valueInfo = editor.graph.valueInfo.filter((value) => !names.has(value.name));
  counts.valuesFolded += folded.length;
}

/** onnxruntime's Range accepts computed bounds of shape [1] but rejects such constants, so they become scalars. */
function flattenBounds(node: Node, editor: GraphEditor): number {
  let flattened = 0;
  node.inputs.forEach((name, index) => {
    const tensor = editor.constant(name);
    if (!tensor || tensor.dims.length === 0 || elementCount(tensor) !== 1) return;
    editor.setInput(
      node,
      index,
      editor.addInitializer({ ...tensor, dims: [], name: editor.uniqueName(`${name}_scalar`) }),
    );
    flattened++;
  });
  return flattened;
}

function knownValue(node: Node, facts: GraphFacts): Tensor | undefined {
  const name = node.outputs[0] ?? "";
  const value = facts.value(name);
  const type = facts.type(name);
  if (
    !value ||
    !type?.shape?.every((dim) => typeof dim === "number") ||
    !value.every((element) => typeof element === "number")
  )
    return undefined;
  const numbers = value;
  const dims = type.shape;
  if (type.elementType === DataType.INT64) return int64Tensor(name, numbers, dims);
  const fits = type.elementType === DataType.INT32 && numbers.every((number) => number === (number | 0));
  return fits ? integerTensor(name, dims, DataType.INT32, Int32Array.from(numbers)) : undefined;
}

/** Gives the node a constant target shape, unless it has one. */
function foldTarget(node: Node, target: readonly number[] | undefined, editor: GraphEditor): boolean {
  const old = node.inputs[1] ?? "";
  if (!target || old === "" || editor.constant(old)) return false;
  editor.setInput(node, 1, editor.addInitializer(int64Tensor(editor.uniqueName(`${old}_known`), target)));
  return true;
}

function reshapeTarget(node: Node, facts: GraphFacts): number[] | undefined {
  const target = facts.value(node.inputs[1] ?? "");
  const shape = facts.shape(node.inputs[0] ?? "");
  if (!target || intAttribute(node, "allowzero", 0) !== 0) return undefined;
  const sizes = target.map((size, k) =>
    typeof size === "number" ? size : size !== undefined && size === shape?.[k] ? 0 : undefined,
  );
  const open = sizes.filter((size) => size === undefined).length;
  if (open > 1 || (open === 1 && sizes.includes(-1))) return undefined;
  return sizes.map((size) => size ?? -1);
}

function expandTarget(node: Node, facts: GraphFacts): number[] | undefined {
  const target = facts.value(node.inputs[1] ?? "");
  const shape = facts.shape(node.inputs[0] ?? "");
  if (!target || !shape) return undefined;
  const offset = shape.length - target.length;
  const sizes = target.map((size: Dimension, k) =>
    typeof size === "number" ? size : size !== undefined && size === shape[k + offset] ? 1 : undefined,
  );
  return sizes.every((size) => size !== undefined) ? sizes : undefined;
}

/** Operators that map zeros to zeros. */
const KEEPERS = [
  "Slice",
  "Reshape",
  "Expand",
  "Transpose",
  "Squeeze",
  "Unsqueeze",
  "Identity",
  "Tile",
] as const;
const MAX_STEPS = 8;

function dropZeroStates(node: Node, editor: GraphEditor): number {
  let dropped = 0;
  for (const index of [5, 6]) {
    const name = node.inputs[index] ?? "";
    if (name === "" || !isZero(name, editor)) continue;
    editor.setInput(node, index, "");
    dropped++;
  }
  while (node.inputs.length > 3 && node.inputs.at(-1) === "") node.inputs.pop();
  return dropped;
}

function isZero(name: string, editor: GraphEditor): boolean {
  let at = name;
  for (let step = 0; step < MAX_STEPS; step++) {
    const constant = editor.constant(at);
    if (constant) return areZeros(constant);
    const producer = editor.producer(at);
    if (producer?.opType === "ConstantOfShape") {
      const value = getAttribute(producer, "value")?.t;
      return value ? areZeros(value) : true;
    }
    if (!isOp(producer, ...KEEPERS)) return false;
    at = producer.inputs[0] ?? "";
  }
  return false;
}

/** Zeros by their bits: -0 is another value. */
function areZeros(tensor: Tensor): boolean {
  return (
    tensor.dataType !== DataType.STRING &&
    !tensor.segment &&
    elementCount(tensor) > 0 &&
    tensorBytes(tensor).every((byte) => byte === 0)
  );
}
