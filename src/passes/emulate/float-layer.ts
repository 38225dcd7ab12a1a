/** Turns a quantized layer into a float one, whose sums cannot saturate, and adds a correction. */
import { floatTensor, type GraphEditor, makeNode, type Node } from "../../ir/index.js";
import type { CodedWeight } from "../../layers/coded-operands.js";

/** Stores the dequantized weight as a constant, so that the node no longer has an int8 kernel. */
export function floatWeight(
  editor: GraphEditor,
  { dims, codes, scales, zeroPoints }: CodedWeight,
  channelAxis: number,
): string {
  const inner = dims.slice(channelAxis + 1).reduce((product, dim) => product * dim, 1);
  const values = new Float32Array(codes.length);
  for (let at = 0; at < codes.length; at++) {
    const channel = Math.floor(at / inner) % scales.length;
    values[at] = (codes[at]! - zeroPoints[channel]!) * scales[channel]!;
  }
  return editor.addInitializer(floatTensor(editor.uniqueName("sat_w"), dims, values));
}

/** Adds a value to the node's output. */
export function addToOutput(editor: GraphEditor, node: Node, before: readonly Node[], value: string): void {
  const output = node.outputs[0]!;
  const plain = editor.uniqueName("sat_plain");
  editor.setOutput(node, 0, plain);
  editor.insertAfter(node, ...before, makeNode("Add", [plain, value], [output]));
}
