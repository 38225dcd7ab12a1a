/**
 * A model as an exporter of another time would have written it: every node in the form of an older or newer
 * operator set. Knows the operators of the bench's models; whether the result means the same is for
 * onnxruntime to say.
 */
import { irVersionFor } from "../build/ops/upgrade/upgrade-opset.js";
import { upgradeOpset } from "../build/ops/upgrade/upgrade-opset.js";
import { expressBroadcast } from "./limited-broadcast.mjs";
import {
  attribute,
  floatTensor,
  GraphEditor,
  getAttribute,
  intAttribute,
  isOp,
  makeNode,
  opsetVersion,
  removeAttribute,
  setAttribute,
  setOpsetVersion,
  tensorValue,
  toNumbers,
} from "../build/ir/index.js";
import { liftConstants } from "../build/passes/graph/lift-constants.js";

/** Operators of the bench's models by the set that brought them. */
const SINCE = { ConstantOfShape: 9, Erf: 9 };

/** Changes `model` in place; returns the operator that `target` does not have, or undefined. */
export async function writeAtOpset(model, target) {
  await liftConstants().run(model, {});
  if (target > opsetVersion(model)) upgradeOpset(model, target);
  const editor = GraphEditor.forMainGraph(model);
  for (const node of [...editor.graph.nodes])
    for (const [since, operators, lower] of LOWERINGS)
      if (target < since && isOp(node, ...operators)) lower(node, editor, target);
  const unlike = target < 7 ? expressBroadcast(model, editor) : undefined;
  if (unlike) return unlike;
  const missing = editor.graph.nodes.find(({ opType }) => (SINCE[opType] ?? 1) > target);
  if (missing) return missing.opType;
  setOpsetVersion(model, target);
  model.irVersion = BigInt(irVersionFor(target));
  // Before IR version 4 every constant had to be an input as well.
  if (target <= 8)
    for (const { name, dataType, dims } of model.graph.initializers)
      model.graph.inputs.push(tensorValue(name, dataType, dims));
  return undefined;
}

/** Each undoes one change of the standard: from which set, of which operators, how. The newest come first. */
const LOWERINGS = [
  [20, ["Gelu"], expandGelu],
  [17, ["LayerNormalization"], expandLayerNormalization],
  [18, ["ReduceMean"], (node, editor) => moveToAttribute(node, editor, "axes", 1)],
  [14, ["Reshape"], (node) => removeAttribute(node, "allowzero")],
  [14, ["LSTM", "GRU"], (node) => removeAttribute(node, "layout")],
  [13, ["Squeeze", "Unsqueeze"], (node, editor) => moveToAttribute(node, editor, "axes", 1)],
  // The axis meant all from there on; at the last one that is the same. Attention scores have four axes.
  [
    13,
    ["Softmax"],
    (node, editor, target) =>
      intAttribute(node, "axis", 1) === -1 && target < 11 && setAttribute(node, attribute.int("axis", 3)),
  ],
  [18, ["ReduceMean"], (node) => removeAttribute(node, "noop_with_empty_axes")],
  [
    11,
    ["Clip"],
    (node, editor) => ["min", "max"].forEach((name, k) => scalarToAttribute(node, editor, name, k + 1)),
  ],
  [11, ["Resize"], lowerResize],
  [10, ["Slice"], lowerSlice],
  [7, ["BatchNormalization", "Dropout"], (node) => setAttribute(node, attribute.int("is_test", 1))],
  [7, ["AveragePool"], (node) => removeAttribute(node, "count_include_pad")],
  [7, ["LSTM", "GRU"], (node) => setAttribute(node, attribute.int("output_sequence", 1))],
  [
    10,
    ["MaxPool", "AveragePool"],
    (node) => ["ceil_mode", "dilations"].forEach((name) => removeAttribute(node, name)),
  ],
];

function moveToAttribute(node, editor, name, index) {
  const tensor = editor.constant(node.inputs[index] ?? "");
  if (!tensor) return;
  setAttribute(node, attribute.ints(name, toNumbers(tensor)));
  node.inputs.length = index;
}

function scalarToAttribute(node, editor, name, index) {
  const tensor = editor.constant(node.inputs[index] ?? "");
  if (tensor) setAttribute(node, attribute.float(name, toNumbers(tensor)[0]));
  if (name === "max") node.inputs.length = 1;
}

function lowerSlice(node, editor) {
  ["starts", "ends", "axes"].forEach((name, k) => {
    const tensor = editor.constant(node.inputs[k + 1] ?? "");
    if (tensor) setAttribute(node, attribute.ints(name, toNumbers(tensor)));
  });
  node.inputs.length = 1;
}

/** Only nearest neighbours from the corner, rounded down, are what older sets did. */
function lowerResize(node, editor, target) {
  const scales = node.inputs[2];
  for (const name of ["coordinate_transformation_mode", "nearest_mode"]) removeAttribute(node, name);
  node.opType = target >= 10 ? "Resize" : "Upsample";
  node.inputs = [node.inputs[0], scales];
  if (target >= 9) return;
  node.inputs.length = 1;
  const values = toNumbers(editor.constant(scales));
  if (target >= 7) setAttribute(node, attribute.floats("scales", values));
  else
    ["height_scale", "width_scale"].forEach((name, k) =>
      setAttribute(node, attribute.float(name, values[k + 2])),
    );
}

const scalar = (editor, stem, value) =>
  editor.addInitializer(floatTensor(editor.uniqueName(stem), [], Float32Array.of(value)));

function expandGelu(node, editor) {
  const [x] = node.inputs;
  const [scaled, erf, one, half] = ["scaled", "erf", "plus", "half"].map((stem) => editor.uniqueName(stem));
  editor.replaceNode(
    node,
    makeNode("Div", [x, scalar(editor, "root", Math.SQRT2)], [scaled]),
    makeNode("Erf", [scaled], [erf]),
    makeNode("Add", [erf, scalar(editor, "one", 1)], [one]),
    makeNode("Mul", [x, one], [half]),
    makeNode("Mul", [half, scalar(editor, "h", 0.5)], [node.outputs[0]]),
  );
}

function expandLayerNormalization(node, editor, target) {
  const [x, scale, bias] = node.inputs;
  const epsilon = getAttribute(node, "epsilon")?.f ?? 1e-5;
  const axes = [target < 11 ? 2 : -1];
  const name = (stem) => editor.uniqueName(stem);
  const [mean, d, square, variance, safe, root, normal, scaled] = [
    "mean",
    "d",
    "square",
    "variance",
    "safe",
    "root",
    "normal",
    "scaled",
  ].map(name);
  const average = (from, to) =>
    makeNode("ReduceMean", [from], [to], [attribute.ints("axes", axes), attribute.int("keepdims", 1)]);
  editor.replaceNode(
    node,
    average(x, mean),
    makeNode("Sub", [x, mean], [d]),
    makeNode("Mul", [d, d], [square]),
    average(square, variance),
    makeNode("Add", [variance, scalar(editor, "epsilon", epsilon)], [safe]),
    makeNode("Sqrt", [safe], [root]),
    makeNode("Div", [d, root], [normal]),
    makeNode("Mul", [normal, scale], [scaled]),
    makeNode("Add", [scaled, bias], [node.outputs[0]]),
  );
}
