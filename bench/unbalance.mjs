/**
 * Makes the channels between layers differ in size by known factors, without changing what a model
 * computes.
 */
import { floatTensor, GraphEditor, isOp, toFloat32 } from "../build/index.js";

/**
 * Multiplies the output channels of each Conv or Gemm by factors drawn log-uniformly from [1/spread,
 * spread], and divides the input channels of the layer behind it by them, wherever only Relu, MaxPool or
 * Flatten stands between the two. Changes the model in place; returns how many pairs that were.
 */
export function unbalance(model, spread, seed = 1) {
  const editor = GraphEditor.forMainGraph(model);
  const random = lehmer(seed);
  let pairs = 0;
  for (const node of editor.graph.nodes) {
    const next = isOp(node, "Conv", "Gemm") ? layerBehind(editor, node) : undefined;
    if (!next) continue;
    const channels = editor.constant(node.inputs[1]).dims[0];
    const factors = Array.from({ length: channels }, () => spread ** (2 * random() - 1));
    scale(editor, node.inputs[1], (index, size) => factors[Math.floor(index / (size / channels))]);
    if (node.inputs[2]) scale(editor, node.inputs[2], (index) => factors[index]);
    // [outputs, inputs, …kernel]; behind a Flatten each channel is a run of inputs.
    const [outputs, inputs] = editor.constant(next.inputs[1]).dims;
    scale(
      editor,
      next.inputs[1],
      (index, size) => 1 / factors[Math.floor(((index % (size / outputs)) * channels) / (size / outputs))],
    );
    if (inputs % channels !== 0) throw new Error("the channels do not fit");
    pairs++;
  }
  return pairs;
}

function layerBehind(editor, node) {
  let next = editor.soleConsumer(node.outputs[0]);
  while (isOp(next, "Relu", "MaxPool", "Flatten")) next = editor.soleConsumer(next.outputs[0]);
  return isOp(next, "Conv", "Gemm") ? next : undefined;
}

function scale(editor, name, factor) {
  const tensor = editor.constant(name);
  const values = toFloat32(tensor);
  editor.replaceInitializer(
    floatTensor(
      name,
      tensor.dims,
      values.map((value, index) => value * factor(index, values.length)),
    ),
  );
}

function lehmer(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}
